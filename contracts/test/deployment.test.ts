import { ZeroAddress } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startChain, type TestChain } from './chain.ts'

let chain: TestChain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain?.close())

test('deployment: every contract knows the others by the addresses that they have', async () => {
  const { Token, Models, Escrow, Staking } = chain.contracts
  const deployer = await chain.deployer.getAddress()
  const pairs: [string, unknown, unknown][] = [
    ['Escrow.token', await Escrow.getFunction('token')(), Token.target],
    ['Escrow.models', await Escrow.getFunction('models')(), Models.target],
    ['Staking.token', await Staking.getFunction('token')(), Token.target],
    ['Staking.disputes', await Staking.getFunction('disputes')(), deployer],
    ['Token.minter', await Token.getFunction('minter')(), deployer],
  ]
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

test('deployment: the contracts have no owner, no pause and no upgrade', () => {
  const forbidden =
    /^(owner|transferOwnership|renounceOwnership|pause|unpause|upgradeTo|upgradeToAndCall|implementation)$/
  for (const contract of Object.values(chain.contracts)) {
    contract.interface.forEachFunction(({ name }) => expect(name).not.toMatch(forbidden))
  }
})
