import { ZeroAddress } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ContractName, startChain, type TestChain } from './chain.ts'

let chain: TestChain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain?.close())

test('deployment: every contract knows the others by the addresses that they have', async () => {
  const { Token } = chain.contracts
  const immutables: Record<string, readonly ContractName[]> = {
    token: ['Escrow', 'Staking', 'Rewards', 'Disputes'],
    models: ['Escrow'],
    escrow: ['Rewards', 'Reputation'],
    staking: ['Rewards', 'Disputes', 'Reputation'],
    rewards: ['Disputes', 'Reputation'],
    disputes: ['Staking', 'Rewards', 'Reputation'],
  }
  const pairs: [string, unknown, unknown][] = [
    ['Token.minter', await Token.getFunction('minter')(), chain.contracts.Rewards.target],
  ]
  for (const [getter, owners] of Object.entries(immutables)) {
    const expected = chain.contracts[`${getter[0]!.toUpperCase()}${getter.slice(1)}` as ContractName].target
    for (const owner of owners) {
      pairs.push([`${owner}.${getter}`, await chain.contracts[owner].getFunction(getter)(), expected])
    }
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
