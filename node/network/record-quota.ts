/**
 * The libp2p datastore with a quota on DHT provider records. kad-dht takes any number of records from anybody for 48
 * hours; here one peer may have `providerRecordsPerPeerMax` and all together `providerRecordsMax`. A record over the
 * quota is refused, which resets the stream it came on.
 */
import { LevelDatastore } from 'datastore-level'
import { providerRecordsMax, providerRecordsPerPeerMax } from '#protocol/limits.ts'

type Key = Parameters<LevelDatastore['put']>[0]
type PutOptions = Parameters<LevelDatastore['put']>[2]
type DeleteOptions = Parameters<LevelDatastore['delete']>[1]

export class QuotaDatastore extends LevelDatastore {
  readonly #recordPrefix: string
  readonly #exemptPeer: string
  readonly #perPeer = new Map<string, number>()
  #total = 0

  constructor(path: string, options: { dhtPrefix: string; exemptPeer: string }) {
    super(path)
    this.#recordPrefix = `${options.dhtPrefix}/provider/`
    this.#exemptPeer = options.exemptPeer
  }

  override async open(): Promise<void> {
    await super.open()
    const own: Key[] = []
    for await (const key of this.queryKeys({ prefix: this.#recordPrefix })) {
      if (this.#peerOf(key) === this.#exemptPeer) own.push(key)
      else this.#count(this.#peerOf(key), 1)
    }
    // kad-dht would announce again what an earlier run announced; what is announced now is the announcer's business.
    for (const key of own) await super.delete(key)
  }

  override async put(key: Key, value: Uint8Array, options?: PutOptions): Promise<Key> {
    const peer = this.#peerOf(key)
    if (peer === undefined || peer === this.#exemptPeer || (await this.has(key))) return super.put(key, value, options)
    if (this.#total >= providerRecordsMax || (this.#perPeer.get(peer) ?? 0) >= providerRecordsPerPeerMax) {
      throw new Error(`provider records of ${peer} are over the quota`)
    }
    // Counted before the write, so that many at once cannot slip through.
    this.#count(peer, 1)
    try {
      return await super.put(key, value, options)
    } catch (error) {
      this.#count(peer, -1)
      throw error
    }
  }

  override async delete(key: Key, options?: DeleteOptions): Promise<void> {
    const peer = this.#peerOf(key)
    const existed = peer !== undefined && (await this.has(key))
    await super.delete(key, options)
    if (existed) this.#count(peer, -1)
  }

  /** Keys are `<prefix>/provider/<cid>/<peer id>`. */
  #peerOf(key: Key): string | undefined {
    const text = key.toString()
    return text.startsWith(this.#recordPrefix) ? text.slice(text.lastIndexOf('/') + 1) : undefined
  }

  #count(peer: string | undefined, change: number): void {
    if (peer === undefined || peer === this.#exemptPeer) return
    const count = (this.#perPeer.get(peer) ?? 0) + change
    if (count > 0) this.#perPeer.set(peer, count)
    else this.#perPeer.delete(peer)
    this.#total += change
  }
}
