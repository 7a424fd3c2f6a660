/** What the standing of peers asks of a chain. */
import type { Address, PeerId } from '#protocol/ids.ts'
import type { PaymentTerms } from '#protocol/payment/message.ts'

/** What the contracts say of one payee. */
export interface PayeeFacts {
  /** The ed25519 key of the identity that it names: 32 bytes. */
  peerKey: Uint8Array
  /** What a slash could take of bond and delegation, in wei; 0 while the bond is below the least one. */
  stakeWei: bigint
  /** Received over all time, in wei. */
  incomeWei: bigint
  /** Juries that found it guilty. */
  disputesLost: number
  /** Receipts of its own that contradicted each other. */
  equivocations: number
}

/** Where such facts are read. */
export interface PayeeSource {
  chainId: number
  /** The contracts that a lease must name, or its payee is one of another chain. */
  escrow: Address
  disputes: Address
  /** Undefined for an address that is no node. */
  read(payee: Address): Promise<PayeeFacts | undefined>
}

/**
 * `unknown`: the chain has not answered yet. `other-chain`: the lease names other contracts than ours. `borrowed`: the
 * payee is no node, or names another identity than the one that signed the lease.
 */
export type ChainStanding =
  | { state: 'unknown' | 'other-chain' | 'borrowed' }
  | ({ state: 'bound' } & Omit<PayeeFacts, 'peerKey'>)

/** What a chain says of peers. It answers at once, from what it knows. */
export interface ChainStandings {
  of(peerId: PeerId, terms: PaymentTerms): ChainStanding
}
