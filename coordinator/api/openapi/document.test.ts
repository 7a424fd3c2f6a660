import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { version } from '#node/runtime/index.ts'
import { documentedRoutes, type RouteShape } from '#protocol/api/routes/index.ts'
import { openApiFile, openApiText } from './committed.ts'
import { openApiDocument } from './document.ts'
import { curlOf, openApiPage } from './page.ts'

const routeNames = Object.keys(documentedRoutes)
const shapeOf = (name: string): RouteShape => documentedRoutes[name]!
const document = openApiDocument(version)
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
)

test('every route is an operation, and every operation a route', () => {
  expect(operations.map(({ operation }) => operation.operationId).sort()).toEqual([...routeNames].sort())
  for (const { path, method, operation } of operations) {
    const shape = shapeOf(operation.operationId)
    expect([path, method]).toEqual([shape.path, shape.method])
    expect(operation.responses, path).toHaveProperty(String(shape.status ?? 200))
    expect(operation.security.length > 0, path).toBe(shape.scope !== 'open')
    expect(Boolean(operation.requestBody), path).toBe(shape.body !== undefined)
  }
})

test('parameters of a path are those in its text, and no two routes stand in one place', () => {
  for (const { path, operation } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const declared = (operation.parameters ?? []).filter(({ in: where }) => where === 'path')
    expect(
      declared.map(({ name }) => name),
      path,
    ).toEqual(named)
    expect(
      declared.every(({ required }) => required),
      path,
    ).toBe(true)
  }
  expect(new Set(operations.map(({ path, method }) => `${method} ${path}`)).size).toBe(routeNames.length)
})

test('every reference leads to a shape, every shape is used, and all of it is JSON', () => {
  const text = JSON.stringify(document)
  const used = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!))
  const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`)
  expect([...used].sort()).toEqual(known.sort())
  expect(JSON.parse(text)).toEqual(document)
  expect(text).not.toContain('$defs')
})

test('a route says its scope, its command and its tool, or nothing where it has none', () => {
  for (const { operation } of operations) {
    const { scope, cli, mcp } = shapeOf(operation.operationId)
    expect(operation['x-scope']).toBe(scope === 'open' || scope === 'any' ? undefined : scope)
    expect(operation['x-hart-command']).toBe(typeof cli === 'string' ? `hart ${cli}` : undefined)
    expect(operation['x-mcp-tool']).toBe(typeof mcp === 'string' ? mcp : undefined)
    for (const face of [cli, mcp]) if (typeof face !== 'string') expect(face.no.length).toBeGreaterThan(10)
  }
})

test('the committed document is the present one; node scripts/generate/openapi.ts writes it', async () => {
  expect(await readFile(openApiFile, 'utf8')).toBe(openApiText())
})

test('the page has a place and an example for every operation and shape, and no script', () => {
  const page = openApiPage(document)
  for (const { path, operation } of operations) {
    expect(page).toContain(`<section id="${operation.operationId}">`)
    expect(page).toContain(`$URL${path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase())}`)
  }
  const anchors = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
  for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(anchors, target).toContain(target)
  expect(page).not.toMatch(/<script|javascript:| on\w+=/i)
  expect(page).toContain('prefers-color-scheme: dark')
})

test('what an example sends, its route takes', () => {
  for (const { path, method, operation } of operations) {
    const sent = /-d '(.+)'$/.exec(curlOf(path, method, operation))?.[1]
    const { body } = shapeOf(operation.operationId)
    expect(sent === undefined, path).toBe(body === undefined)
    if (sent !== undefined) expect(body!.safeParse(JSON.parse(sent)).error, path).toBeUndefined()
  }
})
