import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
// @ts-expect-error: plain JavaScript, because it runs before anything of ours can.
import { buildPages, pagesAreSettled, settlePages } from './web.js'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const sources = ['coordinator/web', 'protocol', 'contracts/abi', 'package.json', 'package-lock.json', 'tsconfig.json']
let root: string

/** A copy of what the pages are made of, with the packages of this one. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hartonomous-web-'))
  for (const path of sources) {
    const filter = (from: string) => !/[\\/]dist(\.\w+)?$/.test(from)
    cpSync(join(repository, path), join(root, path), { recursive: true, filter })
  }
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'))
})
afterEach(() => rmSync(root, { recursive: true }))

test('bootstrap: pages are built once per state of their sources', () => {
  expect(pagesAreSettled(root)).toBe(false)
  settlePages(root, process.execPath)
  expect(pagesAreSettled(root)).toBe(true)
  for (const file of ['index.html', 'my-node.html'])
    expect(existsSync(join(root, 'coordinator/web/dist', file))).toBe(true)
  const assets = readdirSync(join(root, 'coordinator/web/dist/assets'))
  expect(assets.filter((name) => name.endsWith('.js')).length).toBeGreaterThan(5)
  expect(assets.filter((name) => name.endsWith('.js.br')).length).toBeGreaterThan(5)

  writeFileSync(join(root, 'coordinator/web/app/clock.ts'), 'this is no TypeScript')
  expect(pagesAreSettled(root)).toBe(false)
  // The old pages stay, and the state that cannot be built is not tried at every start.
  expect(buildPages(root, process.execPath, { stdio: 'ignore' })).toContain('npm run build:web')
  settlePages(root, process.execPath)
  expect(pagesAreSettled(root)).toBe(true)
  expect(existsSync(join(root, 'coordinator/web/dist/index.html'))).toBe(true)
})

test('bootstrap: a release without the sources of the pages needs no Vite', () => {
  rmSync(join(root, 'coordinator/web'), { recursive: true })
  mkdirSync(join(root, 'coordinator/web'))
  expect(pagesAreSettled(root)).toBe(true)
})
