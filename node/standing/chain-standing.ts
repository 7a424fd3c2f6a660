/**
 * What the chain says of peers, counted only where the binding holds both ways: the lease, signed by the identity, names
 * the payee, and the payee's record in Staking names the identity. A choice never waits for it: who has not been read yet
 * is `unknown`, and read behind it.
 */

import { peerIdPublicKey } from '#protocol/codec/signature.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address, PeerId } from '#protocol/ids.ts'
import { payeeFactsMax, payeeReadsMax, payeeReadsWaitingMax } from '#protocol/limits.ts'
import type { PaymentTerms } from '#protocol/payment/message.ts'
import { hour, minute } from '#protocol/units.ts'
import type { Log } from '../log/index.ts'
import type { ChainStanding, ChainStandings, PayeeFacts, PayeeSource } from './types.ts'

/** What is older is read again when it is next asked for; a slash shows after this time. */
const refreshMs = 5 * minute
/** After a failure, and for an address that is no node: it may become one soon. */
const retryMs = minute
/** What a chain that does not answer any more said last counts for this long. */
const trustMs = hour

interface Entry {
  facts: PayeeFacts | undefined
  /** When the chain said so; undefined while it never has. */
  readAtMs: number | undefined
  nextReadAtMs: number
}

export interface CachedStandingsDependencies {
  source: PayeeSource
  now: () => number
  log: Pick<Log, 'debug'>
}

export class CachedStandings implements ChainStandings {
  readonly #deps: CachedStandingsDependencies
  /** Least recently asked for first. */
  readonly #entries = new Map<Address, Entry>()
  readonly #waiting = new Set<Address>()
  #reading = 0

  constructor(deps: CachedStandingsDependencies) {
    this.#deps = deps
  }

  of(peerId: PeerId, terms: PaymentTerms): ChainStanding {
    const { source } = this.#deps
    const isOurs =
      terms.chainId === source.chainId && terms.escrow === source.escrow && terms.disputes === source.disputes
    if (!isOurs) return { state: 'other-chain' }
    const entry = this.#ask(terms.payee)
    if (entry?.readAtMs === undefined || this.#deps.now() - entry.readAtMs > trustMs) return { state: 'unknown' }
    const { facts } = entry
    if (facts === undefined || !isKeyOf(peerId, facts.peerKey)) return { state: 'borrowed' }
    const { stakeWei, incomeWei, disputesLost, equivocations } = facts
    return { state: 'bound', stakeWei, incomeWei, disputesLost, equivocations }
  }

  /** What is known; has it read where that is old. */
  #ask(payee: Address): Entry | undefined {
    const entry = this.#entries.get(payee)
    if (entry !== undefined) {
      this.#entries.delete(payee)
      this.#entries.set(payee, entry)
    }
    // With a full queue it is left out: the next choice asks again.
    if ((entry?.nextReadAtMs ?? 0) <= this.#deps.now() && this.#waiting.size < payeeReadsWaitingMax) {
      this.#waiting.add(payee)
      this.#readNext()
    }
    return entry
  }

  #readNext(): void {
    const [payee] = this.#waiting
    if (payee === undefined || this.#reading >= payeeReadsMax) return
    this.#waiting.delete(payee)
    this.#reading++
    // Not asked for again while it is being read.
    this.#put(payee, { facts: undefined, readAtMs: undefined, ...this.#entries.get(payee), nextReadAtMs: Infinity })
    void this.#read(payee).then((entry) => {
      this.#put(payee, entry)
      this.#reading--
      this.#readNext()
    })
  }

  async #read(payee: Address): Promise<Entry> {
    const { source, now, log } = this.#deps
    try {
      const facts = await source.read(payee)
      return { facts, readAtMs: now(), nextReadAtMs: now() + (facts === undefined ? retryMs : refreshMs) }
    } catch (error) {
      log.debug('payee-not-read', { payee, error: String(error) })
      const { facts, readAtMs } = this.#entries.get(payee) ?? { facts: undefined, readAtMs: undefined }
      return { facts, readAtMs, nextReadAtMs: now() + retryMs }
    }
  }

  #put(payee: Address, entry: Entry): void {
    this.#entries.delete(payee)
    this.#entries.set(payee, entry)
    if (this.#entries.size > payeeFactsMax) this.#entries.delete(this.#entries.keys().next().value!)
  }
}

function isKeyOf(peerId: PeerId, peerKey: Uint8Array): boolean {
  try {
    return Buffer.compare(peerIdPublicKey(peerId), peerKey) === 0
  } catch (error) {
    // An identity of another kind of key: its lease would not have been accepted either.
    if (error instanceof HartonomousError) return false
    throw error
  }
}
