import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('chain: nothing of ethers is loaded before a chain is used', async () => {
  const index = new URL('./index.ts', import.meta.url).href
  const source = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    const count = () => loaded.filter((url) => url.includes('/node_modules/ethers/')).length
    const chain = await import(${JSON.stringify(index)})
    const before = count()
    await chain.loadChain()
    console.log(JSON.stringify({ before, after: count(), all: loaded.length }))`
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], { cwd })
  const { before, after, all } = JSON.parse(stdout) as { before: number; after: number; all: number }
  expect(before).toBe(0)
  expect(after).toBeGreaterThan(10)
  expect(all).toBeGreaterThan(after)
})
