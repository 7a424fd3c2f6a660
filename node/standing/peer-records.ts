/** What was seen of each peer, across restarts. Evidence is kept at once, good work once a minute. */
import type { PeerId } from '#protocol/ids.ts'
import { peerRecordsMax } from '#protocol/limits.ts'
import { minute } from '#protocol/units.ts'
import type { TenantStore } from '#sql/store/types.ts'
import type { Log } from '../log/index.ts'
import { type Evidence, emptyRecord, type PeerRecord, recordAt, type Work, withEvidence, withWork } from './record.ts'
import { newcomerScore, scoreOf } from './score.ts'

const setting = 'peer-records'
/** A kill forgets at most this much good work. */
const saveDelayMs = minute

export interface PeerRecordsDependencies {
  store: Pick<TenantStore, 'getSetting' | 'putSetting'>
  now: () => number
  log: Pick<Log, 'warn'>
}

export class PeerRecords {
  readonly #deps: PeerRecordsDependencies
  readonly #records: Map<PeerId, PeerRecord>
  #saveTimer: NodeJS.Timeout | undefined
  #saved: Promise<void> = Promise.resolve()
  /** The save that has not begun yet: it will take along whatever comes until then. */
  #nextSave: Promise<void> | undefined

  private constructor(deps: PeerRecordsDependencies, records: Map<PeerId, PeerRecord>) {
    this.#deps = deps
    this.#records = records
  }

  static async load(deps: PeerRecordsDependencies): Promise<PeerRecords> {
    const kept = (await deps.store.getSetting(setting)) as [PeerId, PeerRecord][] | undefined
    return new PeerRecords(deps, new Map(kept))
  }

  /** As it counts now; an empty one for a peer that nothing is known of. */
  get(peerId: PeerId): PeerRecord {
    const nowMs = this.#deps.now()
    const record = this.#records.get(peerId)
    return record === undefined ? emptyRecord(nowMs) : recordAt(record, nowMs)
  }

  addWork(peerId: PeerId, work: Work, amount: number): void {
    this.#put(peerId, withWork(this.get(peerId), work, amount, this.#deps.now()))
    this.#saveTimer ??= setTimeout(() => void this.save(), saveDelayMs).unref()
  }

  /** Counts at once; resolves when it will outlive a restart. */
  addEvidence(peerId: PeerId, evidence: Evidence): Promise<void> {
    this.#put(peerId, withEvidence(this.get(peerId), evidence, this.#deps.now()))
    return this.save()
  }

  /** Never rejects: what cannot be kept still counts until the node stops. */
  save(): Promise<void> {
    clearTimeout(this.#saveTimer)
    this.#saveTimer = undefined
    const { store, log } = this.#deps
    // One after the other, so that the newest state is the one that stays.
    this.#nextSave ??= this.#saved
      .then(() => {
        this.#nextSave = undefined
        return store.putSetting(setting, [...this.#records])
      })
      .catch((error: unknown) => log.warn('peer-records-not-kept', { error: String(error) }))
    this.#saved = this.#nextSave
    return this.#saved
  }

  #put(peerId: PeerId, record: PeerRecord): void {
    if (!this.#records.has(peerId) && this.#records.size >= peerRecordsMax) this.#forgetOne()
    this.#records.set(peerId, record)
  }

  /** Who is nearest to a newcomer loses least, and gains least, by being one again. */
  #forgetOne(): void {
    let least: { peerId: PeerId; difference: number } | undefined
    for (const [peerId, record] of this.#records) {
      const { score } = scoreOf(recordAt(record, this.#deps.now()), undefined)
      const difference = Math.abs(Math.log(score / newcomerScore))
      if (least === undefined || difference < least.difference) least = { peerId, difference }
    }
    if (least !== undefined) this.#records.delete(least.peerId)
  }
}
