/** Peers that were shown to have sent wrong bytes: nothing is fetched from them for `peerBanMs`, also after a restart. */
import type { PeerId } from '#protocol/ids.ts'
import { bannedPeersMax, peerBanMs } from '#protocol/limits.ts'
import type { TenantStore } from '#sql/store/types.ts'

const setting = 'banned-peers'

export class BannedPeers {
  readonly #store: Pick<TenantStore, 'getSetting' | 'putSetting'>
  readonly #now: () => number
  /** Time of the ban, oldest first. */
  readonly #sinceMs = new Map<PeerId, number>()

  private constructor(store: Pick<TenantStore, 'getSetting' | 'putSetting'>, now: () => number) {
    this.#store = store
    this.#now = now
  }

  static async load(store: Pick<TenantStore, 'getSetting' | 'putSetting'>, now: () => number): Promise<BannedPeers> {
    const banned = new BannedPeers(store, now)
    const kept = (await store.getSetting(setting)) as [PeerId, number][] | undefined
    for (const [peerId, sinceMs] of kept ?? []) banned.#sinceMs.set(peerId, sinceMs)
    banned.#forgetOld()
    return banned
  }

  has(peerId: PeerId): boolean {
    const sinceMs = this.#sinceMs.get(peerId)
    return sinceMs !== undefined && this.#now() - sinceMs < peerBanMs
  }

  /** In force at once; resolves when it will outlive a restart. */
  async add(peerId: PeerId): Promise<void> {
    this.#sinceMs.delete(peerId)
    this.#sinceMs.set(peerId, this.#now())
    this.#forgetOld()
    await this.#store.putSetting(setting, [...this.#sinceMs])
  }

  #forgetOld(): void {
    for (const [peerId, sinceMs] of this.#sinceMs) {
      if (this.#sinceMs.size <= bannedPeersMax && this.#now() - sinceMs < peerBanMs) return
      this.#sinceMs.delete(peerId)
    }
  }
}
