import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { artifacts } from '../abi/artifacts.ts'
import { CONTRACT_NAMES } from '../abi/deployment.ts'
import { runtimeHash } from '../abi/runtime-hash.ts'
import { artifactOf, startChain, type TestChain } from './chain.ts'
import { committedFile, committedText } from './committed.ts'

let chain: TestChain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain?.close())

const codeOf = async (name: (typeof CONTRACT_NAMES)[number]) =>
  await chain.provider.getCode(String(chain.contracts[name].target))

test.each(CONTRACT_NAMES)('committed: contracts/abi/%s.json is what the source compiles to', async (name) => {
  const stale = committedText(await artifactOf(name)) !== readFileSync(committedFile(name), 'utf8')
  expect(stale, 'node scripts/generate/abi.ts writes it anew').toBe(false)
})

test.each(CONTRACT_NAMES)('committed: the code of a deployed %s has the written hash', async (name) => {
  const { immutables, runtimeHash: expected } = artifacts[name]
  const code = await codeOf(name)
  expect(runtimeHash(code, immutables)).toBe(expected)
  // What is told at deployment is in the code, and must not count.
  if (immutables.length > 0) expect(runtimeHash(code, [])).not.toBe(expected)
})

test('committed: one changed byte outside the immutables changes the hash', async () => {
  const { immutables, runtimeHash: expected } = artifacts.Escrow
  const code = Buffer.from((await codeOf('Escrow')).slice(2), 'hex')
  code[100]! ^= 1
  expect(immutables.every((start) => start > 100)).toBe(true)
  expect(runtimeHash(`0x${code.toString('hex')}`, immutables)).not.toBe(expected)
})
