/**
 * Heartbeat: a node's signed lease. Gossiped on one topic, and answered on request over its own stream protocol, so that
 * it works with gossip off. It expires after `leaseTtlMs`; what has expired is not shown as alive.
 */
import type { ModelId, PeerId } from '../ids.ts'
import type { PaymentTerms } from '../payment/message.ts'

export interface Lease {
  peerId: PeerId
  /** Grows with each heartbeat of one run; `epoch` with each start. Older (epoch, sequence) pairs are ignored. */
  epoch: number
  sequence: number
  issuedAtMs: number
  expiresAtMs: number
  version: string
  /** Coarse region that the owner declared, ISO 3166-1 alpha-2 or empty. Never looked up from an address. */
  region: string
  models: LeaseModel[]
  /** 0 idle .. 1 full. */
  load: number
  inferenceSlotsFree: number
  inferenceSlots: number
  uploadBytesPerSecond: number
  /** Pledged and still free. */
  diskFreeBytes: number
  isDataReachable: boolean
  isPaused: boolean
  /**
   * Where the node is paid, and its prices. The signature of the lease is the identity's word for these addresses; the
   * record of the payee in Staking names the identity in turn: only both together bind.
   */
  payment?: PaymentTerms
}

export interface LeaseModel {
  modelId: ModelId
  heldChunks: number
  chunkCount: number
  /** Serves inference for it. */
  canInfer: boolean
}

export interface SignedLease {
  lease: Lease
  bytes: Uint8Array
  /** Ed25519 by `lease.peerId` over `hartonomous/lease/1` ‖ bytes. */
  signature: Uint8Array
}
