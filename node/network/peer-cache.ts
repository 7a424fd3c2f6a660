/** Peers that we were connected with, kept on disk: a node finds its swarm again when no bootstrap node answers. */
import { randomBytes } from 'node:crypto'
import { readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addressesPerPeerMax, peerCacheMax } from '#protocol/limits.ts'

export interface CachedPeer {
  peerId: string
  addresses: string[]
  lastSeenMs: number
}

export class PeerCache {
  readonly #path: string
  readonly #peers = new Map<string, CachedPeer>()
  #dirty = false

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'peers.json')
  }

  /** A damaged or missing file is an empty cache: nothing is lost by it. */
  async load(): Promise<void> {
    let parsed: unknown
    try {
      parsed = JSON.parse(await readFile(this.#path, 'utf8'))
    } catch {
      return
    }
    const peers = (parsed as { peers?: unknown } | null)?.peers
    if (!Array.isArray(peers)) return
    for (const peer of peers.slice(0, peerCacheMax)) if (isCachedPeer(peer)) this.#peers.set(peer.peerId, peer)
  }

  /** Most recently seen first. */
  peers(): CachedPeer[] {
    return [...this.#peers.values()].sort((a, b) => b.lastSeenMs - a.lastSeenMs)
  }

  seen(peer: CachedPeer): void {
    if (peer.addresses.length === 0) return
    this.#peers.set(peer.peerId, { ...peer, addresses: peer.addresses.slice(0, addressesPerPeerMax) })
    if (this.#peers.size > peerCacheMax) {
      const oldest = this.peers().at(-1)
      if (oldest) this.#peers.delete(oldest.peerId)
    }
    this.#dirty = true
  }

  /** Whole or not at all. */
  async save(): Promise<void> {
    if (!this.#dirty) return
    this.#dirty = false
    const temporary = `${this.#path}.${randomBytes(4).toString('hex')}`
    try {
      await writeFile(temporary, JSON.stringify({ version: 1, peers: this.peers() }, null, 1), { mode: 0o600 })
      await rename(temporary, this.#path)
    } catch (error) {
      this.#dirty = true
      await unlink(temporary).catch(() => {})
      throw error
    }
  }
}

function isCachedPeer(value: unknown): value is CachedPeer {
  const peer = value as CachedPeer | null
  return (
    typeof peer?.peerId === 'string' &&
    typeof peer.lastSeenMs === 'number' &&
    Array.isArray(peer.addresses) &&
    peer.addresses.length <= addressesPerPeerMax &&
    peer.addresses.every((address) => typeof address === 'string' && address.length < 1024)
  )
}
