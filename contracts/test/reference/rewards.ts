import type { EscrowReference } from './escrow.ts'
import { type Ledger, least, refuseIf } from './ledger.ts'
import type { StakingReference } from './staking.ts'

const DAY = 86_400n
const CHALLENGE_WINDOW = DAY / 2n
const HALVING = 1_460n
const FIRST_EMISSION = 7_000n * 10n ** 18n
const BPS = 10_000n

export interface RewardsTerms {
  /** Of payments, in 1/10 000. */
  burnBps: bigint
  /** Of the emission for one node, in 1/10 000. */
  nodeShareBps: bigint
  /** Of what was burned from a node's income, in 1/10 000. */
  burnReturnBps: bigint
}

/** Cumulative totals of nodes: what the leaves under a root say. */
type Totals = ReadonlyMap<string, bigint>

/** Rewards in plain numbers, written from its interface and readable beside it. A root is the totals under it. */
export class RewardsReference {
  readonly claimed = new Map<string, bigint>()
  budgetTotal = 0n
  claimedTotal = 0n
  nextEpoch = 0n
  #totals: Totals = new Map()
  #pending: { totals: Totals; epoch: bigint; proposedAt: bigint } | undefined
  readonly #ledger: Ledger
  readonly #escrow: EscrowReference
  readonly #staking: StakingReference
  readonly #terms: RewardsTerms
  readonly #start: bigint

  constructor(
    ledger: Ledger,
    contracts: { escrow: EscrowReference; staking: StakingReference },
    terms: RewardsTerms,
    start: bigint,
  ) {
    this.#ledger = ledger
    this.#escrow = contracts.escrow
    this.#staking = contracts.staking
    this.#terms = terms
    this.#start = start
  }

  propose(caller: string, totals: Totals, now: bigint): void {
    refuseIf(!this.#staking.isActive(caller), 'NotActive')
    refuseIf(totals.size === 0, 'ZeroRoot')
    refuseIf(this.#pending !== undefined, 'AlreadyPending')
    const current = (now - this.#start) / DAY
    refuseIf(current <= this.nextEpoch, 'NothingToPropose')
    this.#pending = { totals: new Map(totals), epoch: current - 1n, proposedAt: now }
  }

  finalize(now: bigint): void {
    refuseIf(this.#pending === undefined, 'NothingPending')
    const { totals, epoch, proposedAt } = this.#pending!
    refuseIf(now < proposedAt + CHALLENGE_WINDOW, 'WindowOpen')
    this.#pending = undefined
    this.#totals = totals
    this.nextEpoch = epoch + 1n
    const emission = FIRST_EMISSION >> (epoch / HALVING)
    this.budgetTotal += emission
    this.#ledger.mint('Rewards', emission)
  }

  claim(node: string, now: bigint): bigint {
    const cumulative = this.#totals.get(node)
    refuseIf(cumulative === undefined, 'BadProof')
    const before = this.claimed.get(node) ?? 0n
    const total = least(cumulative!, this.capOf(node))
    refuseIf(total <= before, 'NothingToClaim')
    const amount = least(total - before, this.budgetTotal - this.claimedTotal)
    refuseIf(amount === 0n, 'NothingToClaim')
    this.claimed.set(node, before + amount)
    this.claimedTotal += amount
    if (this.#staking.canEarn(node)) this.#staking.distribute('Rewards', node, amount, now)
    else this.#ledger.move('Rewards', node, amount)
    return amount
  }

  capOf(node: string): bigint {
    const { burnBps, burnReturnBps, nodeShareBps } = this.#terms
    const burned = (this.#escrow.income(node).earned * burnBps) / BPS
    return least((burned * burnReturnBps) / BPS, (this.budgetTotal * nodeShareBps) / BPS)
  }
}
