import { expect, test } from 'vitest'
import { CONTRACT_NAMES } from '../abi/deployment.ts'
import { artifactOf } from './chain.ts'

/** EIP-170. */
const MAX_RUNTIME_BYTES = 24_576

test.each(CONTRACT_NAMES)('size: %s fits into a contract with room for a fix', async (name) => {
  const { deployedBytecode } = await artifactOf(name)
  const bytes = (deployedBytecode.length - 2) / 2
  expect(bytes).toBeGreaterThan(1_000)
  expect(bytes).toBeLessThan(MAX_RUNTIME_BYTES * 0.75)
})
