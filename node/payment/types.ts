/** What payment needs from the outside: keys, signatures, the escrow, the ledger. No chain library is named here. */
import type { Address } from '#protocol/ids.ts'
import type { Receipt, SessionProof, Voucher } from '#protocol/payment/index.ts'

/** Where signatures hold. Chain 0 with zero addresses: receipts of a node that is on no chain. */
export interface PaymentDomain {
  chainId: number
  escrow: Address
  disputes: Address
}

/** The hot key of this node: small sums, no passphrase. Signatures are 64 bytes, ERC-2098. */
export interface PaymentSigner {
  readonly address: Address
  signVoucher(domain: PaymentDomain, voucher: Voucher): Uint8Array
  signReceipt(domain: PaymentDomain, receipt: Receipt): Uint8Array
  signSession(domain: PaymentDomain, proof: SessionProof): Uint8Array
  /** Undefined where the signature is none. */
  recoverVoucher(domain: PaymentDomain, voucher: Voucher, signature: Uint8Array): Address | undefined
  recoverSession(domain: PaymentDomain, proof: SessionProof, signature: Uint8Array): Address | undefined
  recoverReceipt(domain: PaymentDomain, receipt: Receipt, signature: Uint8Array): Address | undefined
}

/** What stands behind the vouchers of one channel, all in wei, as of the last look at the chain. */
export interface ChannelFunds {
  /** Set aside for this channel alone. */
  lockedWei: bigint
  /** Paid on this channel so far. */
  claimedWei: bigint
  /** Pooled balance of the payer without what is announced to leave. */
  freeWei: bigint
  /** What the payer has announced to take out; vouchers still draw on it until it has left. */
  thawingWei: bigint
}

export interface FundsReader {
  /** @throws {ERR_CHAIN_UNAVAILABLE} */
  channel(payer: Address, payee: Address, topic: Uint8Array): Promise<ChannelFunds>
  /**
   * Whether vouchers signed by `signer` bind `payer`, and what they may still draw from the pooled balance: undefined where
   * they do not. A key signs for itself without limit. @throws {ERR_CHAIN_UNAVAILABLE}
   */
  allowance(signer: Address, payer: Address): Promise<bigint | undefined>
}

/** A channel by name: subject of its ledger entries, and key in memory. */
export interface ChannelKey {
  domain: PaymentDomain
  payer: Address
  payee: Address
  /** 32 bytes. */
  topic: Uint8Array
}

export function channelName({ domain, payer, payee, topic }: ChannelKey): string {
  return `eip155:${domain.chainId}:${domain.escrow}/${payer}/${payee}/${Buffer.from(topic).toString('hex')}`
}
