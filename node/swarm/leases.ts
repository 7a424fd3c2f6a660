/** Live leases of other nodes: who is there, what they hold, how busy they are. What has expired is gone. */
import { isDeepStrictEqual } from 'node:util'
import type { Lease, SignedLease } from '#protocol/heartbeat/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { leasesKnownMax, leaseTtlMs } from '#protocol/limits.ts'

export interface KnownLease {
  signed: SignedLease
  receivedAtMs: number
  /** By our clock: peers' clocks may be wrong, so a lease lives for its own length from when it came, at most `leaseTtlMs`. */
  expiresAtMs: number
}

export class LeaseTable {
  readonly #leases = new Map<PeerId, KnownLease>()
  /** Who names a model: a look-up must not walk through everybody. */
  readonly #byModel = new Map<ModelId, Set<PeerId>>()
  readonly #connected = new Set<PeerId>()
  readonly #now: () => number
  readonly #onChange: () => void
  readonly #sizeMax: number

  /** `onChange` is called when a lease came that says something else about models than the one before. */
  constructor(now: () => number, onChange: () => void = () => undefined, sizeMax = leasesKnownMax) {
    this.#now = now
    this.#onChange = onChange
    this.#sizeMax = sizeMax
  }

  /** False for a lease that is older than the known one. The signature has been checked by the decoder. */
  accept(signed: SignedLease): boolean {
    const { lease } = signed
    const known = this.#leases.get(lease.peerId)
    if (known !== undefined && !isNewer(lease, known.signed.lease)) return false
    const receivedAtMs = this.#now()
    const lengthMs = Math.min(leaseTtlMs, Math.max(0, lease.expiresAtMs - lease.issuedAtMs))
    // Newest last: the map's order is the order of eviction.
    this.remove(lease.peerId)
    if (this.#leases.size >= this.#sizeMax) this.#makeRoom()
    this.#leases.set(lease.peerId, { signed, receivedAtMs, expiresAtMs: receivedAtMs + lengthMs })
    for (const { modelId } of lease.models) {
      const holders = this.#byModel.get(modelId)
      if (holders === undefined) this.#byModel.set(modelId, new Set([lease.peerId]))
      else holders.add(lease.peerId)
    }
    if (known === undefined || !isDeepStrictEqual(known.signed.lease.models, lease.models)) this.#onChange()
    return true
  }

  remove(peerId: PeerId): void {
    const known = this.#leases.get(peerId)
    if (known === undefined) return
    this.#leases.delete(peerId)
    for (const { modelId } of known.signed.lease.models) {
      const holders = this.#byModel.get(modelId)
      holders?.delete(peerId)
      if (holders?.size === 0) this.#byModel.delete(modelId)
    }
  }

  /** Leases of connected peers are kept when the table is full: identities cost nothing, connections do. */
  setConnected(peerId: PeerId, isConnected: boolean): void {
    if (isConnected) this.#connected.add(peerId)
    else this.#connected.delete(peerId)
  }

  #makeRoom(): void {
    const peerIds = this.#leases.keys()
    this.remove(peerIds.find((peerId) => !this.#connected.has(peerId)) ?? this.#leases.keys().next().value!)
  }

  live(): KnownLease[] {
    const nowMs = this.#now()
    for (const [peerId, known] of this.#leases) if (known.expiresAtMs <= nowMs) this.remove(peerId)
    return [...this.#leases.values()]
  }

  get(peerId: PeerId): KnownLease | undefined {
    const known = this.#leases.get(peerId)
    return known !== undefined && known.expiresAtMs > this.#now() ? known : undefined
  }

  /** Live leases that name the model, with what they say of it. */
  holders(modelId: ModelId): { lease: Lease; share: number; canInfer: boolean }[] {
    return [...(this.#byModel.get(modelId) ?? [])].flatMap((peerId) => {
      const lease = this.get(peerId)?.signed.lease
      const model = lease?.models.find((entry) => entry.modelId === modelId)
      if (lease === undefined || model === undefined) return []
      const share = model.chunkCount === 0 ? 0 : model.heldChunks / model.chunkCount
      return [{ lease, share, canInfer: model.canInfer }]
    })
  }
}

function isNewer(lease: Lease, known: Lease): boolean {
  return lease.epoch > known.epoch || (lease.epoch === known.epoch && lease.sequence > known.sequence)
}
