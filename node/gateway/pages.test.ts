import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pageRoutes } from './pages.ts'

let folder: string
let app: FastifyInstance

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hartonomous-pages-'))
  app = fastify()
})
afterEach(async () => {
  await app.close()
  await rm(folder, { recursive: true })
})

const serve = () => pageRoutes(app, { file: 'index.html', paths: ['/', '/jobs', '/jobs/*'], folder })

async function build(): Promise<void> {
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>t</title>')
  await writeFile(join(folder, 'assets', 'a-1a2b.js'), 'export {}')
  await writeFile(join(folder, 'assets', 'a-1a2b.js.br'), 'compressed')
  await writeFile(join(folder, 'secret'), 'x')
}

test('pages: each path gives the page, which nobody may frame and which asks nobody else', async () => {
  await build()
  await serve()
  for (const url of ['/', '/jobs', '/jobs/1', '/jobs/a%2Fb']) {
    const answer = await app.inject({ url })
    expect([url, answer.statusCode, answer.body]).toEqual([url, 200, '<!doctype html><title>t</title>'])
    const policy = String(answer.headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(answer.headers['cache-control']).toBe('no-cache')
  }
  expect((await app.inject({ url: '/other' })).statusCode).toBe(404)
})

test('assets: are kept for good, compressed where that was made, and nothing else of the disk is served', async () => {
  await build()
  await serve()
  const plain = await app.inject({ url: '/assets/a-1a2b.js' })
  expect([plain.statusCode, plain.body]).toEqual([200, 'export {}'])
  expect(plain.headers['cache-control']).toContain('immutable')
  const small = await app.inject({ url: '/assets/a-1a2b.js', headers: { 'accept-encoding': 'br' } })
  expect([small.headers['content-encoding'], small.body]).toEqual(['br', 'compressed'])
  for (const url of ['/assets/../secret', '/assets/%2e%2e/secret', '/assets/..%2fsecret', '/assets/'])
    expect([url, (await app.inject({ url })).statusCode >= 400]).toEqual([url, true])
})

test('pages: a newer build is served as soon as it is there, with its own assets', async () => {
  await build()
  await serve()
  await app.inject({ url: '/' })
  await writeFile(join(folder, 'index.html'), 'newer')
  await writeFile(join(folder, 'assets', 'b-3c4d.js'), 'export const b = 1')
  expect((await app.inject({ url: '/' })).body).toBe('newer')
  expect((await app.inject({ url: '/assets/b-3c4d.js' })).statusCode).toBe(200)
})

test('pages that were not built say how they are', async () => {
  await serve()
  const answer = await app.inject({ url: '/jobs' })
  expect([answer.statusCode, answer.body]).toEqual([503, expect.stringContaining('npm run build:web')])
})
