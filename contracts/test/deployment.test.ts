import { ZeroAddress } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WIRING } from '../abi/deployment.ts'
import { startChain, type TestChain } from './chain.ts'

let chain: TestChain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain?.close())

test('deployment: every contract knows the others by the addresses that they have', async () => {
  const pairs: [string, unknown, unknown][] = []
  for (const [owner, getter, target] of WIRING) {
    const found = await chain.contracts[owner].getFunction(getter)()
    pairs.push([`${owner}.${getter}`, found, chain.contracts[target].target])
  }
  expect(pairs).toHaveLength(16)
  for (const [name, found, expected] of pairs) expect(found, name).toBe(expected)
})

test('deployment: no address of another contract is left out', async () => {
  for (const contract of Object.values(chain.contracts)) {
    const getters = contract.interface.fragments.filter(
      (part) => part.type === 'function' && 'outputs' in part && part.format().endsWith('()'),
    )
    for (const getter of getters) {
      const { name, outputs } = contract.interface.getFunction(getter.format())!
      if (outputs[0]?.type !== 'address' || name === 'CLOCK_MODE') continue
      expect(await contract.getFunction(name)(), name).not.toBe(ZeroAddress)
    }
  }
})

test('deployment: Rewards can pass its tokens on to Staking, and nobody else can take them', async () => {
  const { Token, Rewards, Staking } = chain.contracts
  expect(await Token.getFunction('allowance')(Rewards.target, Staking.target)).toBe(2n ** 256n - 1n)
  expect(await Token.getFunction('balanceOf')(await chain.deployer.getAddress())).toBe(560_000n * 10n ** 18n)
})

test('deployment: the contracts have no owner, no pause and no upgrade', () => {
  const forbidden =
    /^(owner|transferOwnership|renounceOwnership|pause|unpause|upgradeTo|upgradeToAndCall|implementation)$/
  for (const contract of Object.values(chain.contracts)) {
    contract.interface.forEachFunction(({ name }) => expect(name).not.toMatch(forbidden))
  }
})
