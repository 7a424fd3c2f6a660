import type { Address } from '#protocol/ids.ts'
import { ask, type ContractCall, contractCall } from './contract-call.ts'
import { EscrowClient } from './escrow-client.ts'
import { StakingClient } from './staking-client.ts'
import type { Chain } from './types.ts'

/** What the chain knows of a node: the figures of its token, read where they come from. */
export interface ReputationSummary {
  /** Whether it has a token; the figures do not depend on it. */
  isRegistered: boolean
  isActive: boolean
  /** Paid by requesters over all time, before cut and royalty. */
  earnedWei: bigint
  /** Received of the emission over all time. */
  rewardsWei: bigint
  /** Bond and delegation that a slash could take. */
  slashableWei: bigint
  /** Disputes about its receipts by their outcome; `equivocations` are contradictions that it was punished for. */
  disputes: { open: number; guilty: number; innocent: number; equivocations: number }
}

/** What clients who paid say of a node. */
export interface FeedbackSummary {
  /** How many of those asked have said something. */
  count: number
  /** Mean weighed by what each has paid, with `decimals` decimal places. */
  value: bigint
  decimals: number
}

export class ReputationClient {
  readonly #chain: Chain

  constructor(chain: Chain) {
    this.#chain = chain
  }

  async summary(node: Address): Promise<ReputationSummary> {
    const chain = this.#chain
    const [escrow, staking] = [new EscrowClient(chain), new StakingClient(chain)]
    const [tokens, isActive, { earnedWei }, [rewardsWei], slashableWei, [record]] = await Promise.all([
      ask(chain, 'Reputation', 'balanceOf', node),
      staking.isActive(node),
      escrow.income(node),
      ask(chain, 'Rewards', 'claimed', node),
      staking.slashable(node),
      ask(chain, 'Disputes', 'recordOf', node),
    ])
    const disputes = {
      open: Number(record.open),
      guilty: Number(record.guilty),
      innocent: Number(record.innocent),
      equivocations: Number(record.equivocations),
    }
    return { isRegistered: tokens[0] > 0n, isActive, earnedWei, rewardsWei, slashableWei, disputes }
  }

  /** @param clients Whose word counts is the reader's choice; in any order. */
  async feedback(node: Address, clients: readonly Address[], tags: [string, string]): Promise<FeedbackSummary> {
    const ascending = [...new Set(clients)].sort()
    const summary = await ask(this.#chain, 'Reputation', 'getSummary', BigInt(node), ascending, ...tags)
    return { count: Number(summary[0]), value: summary[1], decimals: Number(summary[2]) }
  }

  /** Mints the token of the sender. @param uri Where its own description can be read; may be empty. */
  register(uri = ''): ContractCall {
    return contractCall({ chain: this.#chain, contract: 'Reputation', method: 'register(string)', args: [uri] })
  }
}
