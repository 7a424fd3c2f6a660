/**
 * Money, as the control API and the commands give it. Amounts are wei of HART as decimal strings, because JSON has no
 * whole numbers of that size; times are milliseconds since 1970; addresses are lower case.
 */

/** All HART of one address, as of one block: `free + escrowed + staked + unlocking = total`. */
export interface BalanceView {
  address: string
  chainId: number
  blockNumber: number
  /** Can be sent to anybody now. */
  freeWei: string
  /** In Escrow, where vouchers draw on it: pooled or locked for one payee, less what thaws. */
  escrowedWei: string
  /** At work as a bond or as delegation, with what it has earned. */
  stakedWei: string
  /** On its way back here; until then vouchers may draw on what thaws, and a slash may take from what unbonds. */
  unlockingWei: string
  totalWei: string
  /** Parts of `stakedWei`. */
  stakes: StakeView[]
  /** Parts of `escrowedWei`, each set aside for one payee. */
  locks: LockView[]
  /** Parts of `unlockingWei`, soonest first. */
  unlocks: UnlockView[]
}

export interface StakeView {
  kind: 'bond' | 'delegation'
  node: string
  wei: string
}

export interface LockView {
  payee: string
  /** 32 bytes, `0x…`. */
  topic: string
  wei: string
  /** An announced release: so much goes back to the pooled balance. */
  releasing?: { wei: string; readyAtMs: number }
}

export interface UnlockView {
  kind: 'bond' | 'delegation' | 'escrow'
  wei: string
  readyAtMs: number
  /** By the clock of the chain it can be withdrawn. */
  isReady: boolean
  /** What `Staking.withdraw` asks for; absent where Escrow holds it. */
  unbonding?: { node: string; id: string; isFrozen: boolean }
}
