/** A small economy in which a scenario can be played: the reference model of the contracts, or the contracts themselves. */
import { EscrowReference } from '#contracts/test/reference/escrow.ts'
import { Ledger } from '#contracts/test/reference/ledger.ts'
import { RewardsReference, type RewardsTerms } from '#contracts/test/reference/rewards.ts'
import { StakingReference } from '#contracts/test/reference/staking.ts'
import { emissionOf, rewardTerms, shareOut, weightOf } from '#node/chain/rewards/reward-rule.ts'
import type { Address } from '#protocol/ids.ts'

/** Whoever takes part has a name. Amounts in wei of HART. */
export interface Economy {
  /** Gives tokens to somebody. */
  fund(holder: string, wei: bigint): Promise<void>
  addNode(node: string, bondWei: bigint, commissionBps: number): Promise<void>
  delegate(holder: string, node: string, wei: bigint): Promise<void>
  /** Deposits, promises and settles at once. */
  pay(payer: string, payee: string, wei: bigint): Promise<void>
  /** A day ends: its root is proposed, finalised, and claimed by every node that it names. */
  endDay(proposer: string): Promise<void>
  /** Free tokens and the own bond. */
  wealthOf(holder: string): Promise<bigint>
}

const day = 86_400n
const noTopic = `0x${'0'.repeat(64)}`

/** The model: a day takes microseconds, and its terms can be others than those of the contracts. */
export function createModelEconomy(changes: Partial<RewardsTerms> = {}): Economy {
  const terms = { ...rewardTerms, ...changes }
  const ledger = new Ledger()
  const escrow = new EscrowReference(ledger, () => undefined, terms.burnBps)
  const staking = new StakingReference(ledger)
  const rewards = new RewardsReference(ledger, { escrow, staking }, terms, 0n)
  const totals = new Map<string, bigint>()
  let incomes = new Map<string, bigint>()
  let now = 0n
  let epoch = 0

  function addShares(): void {
    const weights = new Map(
      [...incomes].map(([node, income]) => [
        node as Address,
        weightOf(income, staking.nodes.get(node)?.bond.assets ?? 0n, terms),
      ]),
    )
    for (const [node, share] of shareOut(weights, emissionOf(epoch), terms))
      if (share > 0n) totals.set(node, (totals.get(node) ?? 0n) + share)
    incomes = new Map()
  }

  return {
    fund: async (holder, wei) => ledger.mint(holder, wei),
    addNode: async (node, bondWei, commissionBps) => staking.register(node, BigInt(commissionBps), bondWei),
    delegate: async (holder, node, wei) => staking.stake(holder, node, wei),
    pay: async (payer, payee, wei) => {
      escrow.deposit(payer, payer, wei)
      const cumulative = escrow.channel(payer, payee, noTopic).claimed + wei
      escrow.claim(payee, [{ payer, topic: noTopic, cumulative, signer: payer }], now)
      incomes.set(payee, (incomes.get(payee) ?? 0n) + wei)
    },
    endDay: async (proposer) => {
      addShares()
      now = BigInt(++epoch) * day
      if (totals.size === 0) return
      rewards.propose(proposer, totals, now)
      now += day / 2n
      rewards.finalize(now)
      for (const [node, cumulative] of totals)
        if (cumulative > (rewards.claimed.get(node) ?? 0n)) rewards.claim(node, now)
    },
    wealthOf: async (holder) =>
      ledger.balanceOf(holder) + (staking.nodes.has(holder) ? staking.stakeOf(holder, holder) : 0n),
  }
}
