/** How much each peer may be relied on, by what this node saw of it and what the chain says, and whom to ask first by that. */
import type { PeerId } from '#protocol/ids.ts'
import type { PaymentTerms } from '#protocol/payment/message.ts'
import { orderByStanding } from './order.ts'
import { PeerRecords, type PeerRecordsDependencies } from './peer-records.ts'
import type { Evidence, PeerRecord } from './record.ts'
import { groupOf, type Score, scoreOf } from './score.ts'
import type { ChainStanding, ChainStandings } from './types.ts'

export interface StandingDependencies extends PeerRecordsDependencies {
  /** From the peer's live lease. */
  paymentOf: (peerId: PeerId) => PaymentTerms | undefined
  /** 0 .. 1, as `Math.random`. */
  random: () => number
}

/** A score with all that it is made of. */
export interface ExplainedScore extends Score {
  record: PeerRecord
  /** Undefined where the peer names no payee, or this node asks no chain. */
  chain?: ChainStanding
}

export class Standing {
  readonly #deps: StandingDependencies
  readonly #records: PeerRecords
  #chain: ChainStandings | undefined

  private constructor(deps: StandingDependencies, records: PeerRecords) {
    this.#deps = deps
    this.#records = records
  }

  static async load(deps: StandingDependencies): Promise<Standing> {
    return new Standing(deps, await PeerRecords.load(deps))
  }

  /** Without a chain only what this node saw itself counts. */
  useChain(chain: ChainStandings | undefined): void {
    this.#chain = chain
  }

  explain(peerId: PeerId): ExplainedScore {
    const record = this.#records.get(peerId)
    const terms = this.#deps.paymentOf(peerId)
    const chain = terms === undefined ? undefined : this.#chain?.of(peerId, terms)
    return { ...scoreOf(record, chain), record, ...(chain === undefined ? {} : { chain }) }
  }

  /** In (0, 1]. */
  scoreOf(peerId: PeerId): number {
    return this.explain(peerId).score
  }

  /** There is evidence against it that its good work has not outgrown. */
  isSuspect(peerId: PeerId): boolean {
    return groupOf(this.scoreOf(peerId)) === 'suspect'
  }

  /** In the order in which they should be asked; another one each time. */
  order<T>(candidates: readonly T[], peerOf: (candidate: T) => PeerId): T[] {
    return orderByStanding(candidates, (candidate) => this.scoreOf(peerOf(candidate)), this.#deps.random)
  }

  /** Chunks of it were verified. */
  addBytes(peerId: PeerId, bytes: number): void {
    this.#records.addWork(peerId, 'bytes', bytes)
  }

  /** It answered a prompt. */
  addTokens(peerId: PeerId, tokens: number): void {
    this.#records.addWork(peerId, 'tokens', tokens)
  }

  /** Counts at once; resolves when it will outlive a restart. */
  blame(peerId: PeerId, evidence: Evidence): Promise<void> {
    return this.#records.addEvidence(peerId, evidence)
  }

  async close(): Promise<void> {
    await this.#records.save()
  }
}
