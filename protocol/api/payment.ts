/**
 * Money, as the control API and the commands give it. Amounts are wei of HART as decimal strings, because JSON has no
 * whole numbers of that size; times are milliseconds since 1970; addresses are lower case.
 */
import { z } from 'zod'

const wei = z.string().describe('Decimal digits of wei.')

export const stakeView = z.object({ kind: z.enum(['bond', 'delegation']), node: z.string(), wei })
export type StakeView = z.infer<typeof stakeView>

export const lockView = z.object({
  payee: z.string(),
  topic: z.string().describe('32 bytes, `0x…`.'),
  wei,
  releasing: z
    .object({ wei, readyAtMs: z.number() })
    .exactOptional()
    .describe('An announced release: so much goes back to the pooled balance.'),
})
export type LockView = z.infer<typeof lockView>

export const unlockView = z.object({
  kind: z.enum(['bond', 'delegation', 'escrow']),
  wei,
  readyAtMs: z.number(),
  isReady: z.boolean().describe('By the clock of the chain it can be withdrawn.'),
  unbonding: z
    .object({ node: z.string(), id: z.string(), isFrozen: z.boolean() })
    .exactOptional()
    .describe('What `Staking.withdraw` asks for; absent where Escrow holds it.'),
})
export type UnlockView = z.infer<typeof unlockView>

/** All HART of one address, as of one block: `free + escrowed + staked + unlocking = total`. */
export const balanceView = z.object({
  address: z.string(),
  chainId: z.number(),
  blockNumber: z.number(),
  freeWei: wei.describe('Can be sent to anybody now.'),
  escrowedWei: wei.describe('In Escrow, where vouchers draw on it: pooled or locked for one payee, less what thaws.'),
  stakedWei: wei.describe('At work as a bond or as delegation, with what it has earned.'),
  unlockingWei: wei.describe(
    'On its way back here; until then vouchers may draw on what thaws, and a slash may take from what unbonds.',
  ),
  totalWei: wei,
  stakes: z.array(stakeView).describe('Parts of `stakedWei`.'),
  locks: z.array(lockView).describe('Parts of `escrowedWei`, each set aside for one payee.'),
  unlocks: z.array(unlockView).describe('Parts of `unlockingWei`, soonest first.'),
})
export type BalanceView = z.infer<typeof balanceView>
