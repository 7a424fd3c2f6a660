import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseHart } from '#protocol/hart.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { startAnvil } from './anvil/anvil.ts'
import { anvilBinary } from './anvil/binary.ts'
import { deployContracts } from './deploy.ts'
import { startDeployedHardhat } from './hardhat.fixture.ts'
import { rehearse } from './rehearse.ts'
import { StakingClient } from './staking-client.ts'
import { TokenClient } from './token-client.ts'
import type { Chain, ChainSigner } from './types.ts'

/** Why there is no chain here that simulates several calls in a row. */
const missing = (() => {
  try {
    anvilBinary()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
})()
if (missing !== undefined) console.warn(`rows of calls are not simulated: ${missing}`)

const bondWei = parseHart('1000')
const peerKey = Buffer.alloc(32, 7)

let hardhat: Awaited<ReturnType<typeof startDeployedHardhat>>
beforeAll(async () => {
  hardhat = await startDeployedHardhat()
})
afterAll(() => hardhat?.hardhat.close())

function registration(chain: Chain, allowedWei = bondWei) {
  const [token, staking] = [new TokenClient(chain), new StakingClient(chain)]
  return [token.approve(chain.addresses.Staking, allowedWei), staking.register(peerKey, 0, bondWei)]
}

test('rehearse: one call tells its gas and its answer, or why it would be refused', async () => {
  const { chain, hardhat: local } = hardhat
  const from = parseAddress(await (await local.signer(0)).getAddress())
  const [approve, register] = registration(chain)
  expect(await rehearse(chain, from, [approve!])).toMatchObject([
    { contract: 'Token', method: 'approve', valueWei: '0', result: 'true', gas: expect.stringMatching(/^\d{5}$/) },
  ])
  await expect(rehearse(chain, from, [register!])).rejects.toMatchObject({
    code: 'ERR_CHAIN_REVERTED',
    fields: { error: 'ERC20InsufficientAllowance' },
  })
})

test('rehearse: where rows cannot be simulated, what depends on a call before is said to be unknown', async () => {
  const { chain, hardhat: local } = hardhat
  const from = parseAddress(await (await local.signer(0)).getAddress())
  const [approve, register] = await rehearse(chain, from, registration(chain))
  expect(approve).toMatchObject({ result: 'true' })
  expect(register).toMatchObject({ method: 'register', unknown: expect.stringContaining('cannot simulate') })
  expect(register).not.toHaveProperty('gas')
})

test.skipIf(missing !== undefined)(
  'rehearse: a row is simulated as it would be mined, and refused as it would be',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hart-rehearse-'))
    const anvil = await startAnvil({ folder })
    try {
      const signer: ChainSigner = anvil.account(0).connect(anvil.provider)
      const { chain } = await deployContracts(anvil, signer)
      const from: Address = parseAddress(await signer.getAddress())
      const row = registration(chain)
      const shown = await rehearse(chain, from, row)
      expect(shown.map(({ unknown, gas }) => [unknown, typeof gas])).toEqual([
        [undefined, 'string'],
        [undefined, 'string'],
      ])
      await expect(rehearse(chain, from, registration(chain, bondWei - 1n))).rejects.toMatchObject({
        code: 'ERR_CHAIN_REVERTED',
        fields: { call: 'Staking.register', error: 'ERC20InsufficientAllowance' },
      })
      // Nothing of it was sent; and what is sent takes the gas that was shown.
      expect(await new StakingClient(chain).nodeOf(from)).toBeUndefined()
      for (const [index, call] of row.entries()) {
        const { gasUsed } = await call.send(signer)
        expect(Number(gasUsed)).toBe(Number(shown[index]!.gas))
      }
    } finally {
      await anvil.close()
      await rm(folder, { recursive: true, force: true })
    }
  },
)
