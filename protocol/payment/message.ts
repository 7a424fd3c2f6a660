/**
 * Payment: what a buyer and a seller of bytes or tokens tell one another. The messages travel inside the session that
 * they are about: in `pay` frames of the chunk protocol, and of the infer protocol. Amounts are wei of HART, as bigints.
 *
 * A *channel* is (payer, payee, topic) of the contract Escrow. All sessions of a channel share one running total, which a
 * voucher promises as a whole: a later one replaces all before it.
 */
import type { Address } from '../ids.ts'

/** What a node asks for its work; a part of its lease, so that it is known before any question. Zero is free. */
export interface Prices {
  /** For 2^30 bytes of chunks. */
  weiPerGiB: bigint
  /** For 1,000 tokens, those of the prompt and those of the answer alike. */
  weiPerKiloToken: bigint
}

/** To whom, and on which chain, a node is paid. Signed as a part of its lease, it binds the libp2p identity to the addresses. */
export interface PaymentTerms {
  chainId: number
  /** The contract that vouchers are for. */
  escrow: Address
  /** The contract that receipts are for. */
  disputes: Address
  /** Whose income, stake and reputation the work is. */
  payee: Address
  /** The key that signs receipts for `payee`; the same address, or one that it named in Staking. */
  signer: Address
  prices: Prices
}

/** The EIP-712 types of a voucher and a receipt are in `contracts/abi/typed-data.ts`; fields here have the same names. */
export interface Voucher {
  payer: Address
  payee: Address
  /** 32 bytes: the digest inside the model id whose work is paid, or zeros. */
  topic: Uint8Array
  /** Everything that the payer has ever promised on this channel. */
  cumulativeWei: bigint
}

/** That whoever opened a session speaks for the payer it named; EIP-712 in the domain of Escrow. No contract takes it. */
export interface SessionProof {
  payer: Address
  payee: Address
  job: Uint8Array
  nonce: Uint8Array
}

export interface Receipt {
  node: Address
  requester: Address
  /** 32 bytes that the requester chose: one job, one receipt. */
  job: Uint8Array
  attempt: number
  /** 32 bytes: hash of everything that determines the output. */
  input: Uint8Array
  /** 32 bytes. */
  output: Uint8Array
  /** 32 bytes: SHA-256 of the encoded `ReceiptDetails`. */
  details: Uint8Array
  /** Seconds since 1970. */
  finishedAt: number
}

/** What a receipt says beyond what a chain could judge. */
export interface ReceiptDetails {
  kind: 'chunk' | 'infer'
  modelId: string
  /** Bytes of chunks sent; 0 for answers. */
  bytes: number
  promptTokens: number
  completionTokens: number
  durationMs: number
  /** What this work costs on its channel. */
  dueWei: bigint
  /** Name and version of the engine that computed it, or of the node that sent it. */
  build: string
}

export type PaymentMessage =
  /**
   * Buyer, first: who asks, for which job. `attempt` counts up when the buyer wants the same job done anew; the same
   * number asks for the same receipt again.
   */
  | { type: 'open'; requester: Address; payer: Address; job: Uint8Array; attempt: number; topic: Uint8Array }
  /** Seller, in answer: what it asks, and 32 fresh bytes. */
  | { type: 'quote'; terms: PaymentTerms; nonce: Uint8Array }
  /** Buyer, where the work has a price: 64 bytes over a `SessionProof`, by the payer or its session key. */
  | { type: 'prove'; signature: Uint8Array }
  /**
   * Seller: what stands promised on the channel by its own books (with the voucher that shows it, so that a buyer without
   * memory can go on), and how much work it does ahead of the next voucher.
   */
  | { type: 'account'; promisedWei: bigint; signature?: Uint8Array; aheadWei: bigint }
  /** Seller: no more is done until the channel's vouchers reach this total. Sent in time, before the work would stop. */
  | { type: 'due'; cumulativeWei: bigint }
  /** Buyer: a voucher of this channel. 64 bytes, r and yParityAndS (ERC-2098). */
  | { type: 'voucher'; cumulativeWei: bigint; signature: Uint8Array }
  /** Buyer: nothing more is wanted in this session; the receipt, please. */
  | { type: 'finish' }
  /** Seller: signed by `terms.signer`, 64 bytes as above. */
  | { type: 'receipt'; receipt: Receipt; details: Uint8Array; signature: Uint8Array }
  /** Seller: why it does no more. Buyer: why it pays no more. */
  | { type: 'stop'; reason: StopReason }

/**
 * `unpaid`: a voucher did not come in time. `voucher`: it was not good. `funds`: the escrow behind it does not cover it.
 * `price`: more than the buyer's owner allows. `chain`: another chain or contract. `offline`: the chain cannot be asked, or the
 * ledger not be written, now; nobody's fault. `overcharged`: more due than was done.
 */
export type StopReason = 'unpaid' | 'voucher' | 'funds' | 'price' | 'chain' | 'offline' | 'overcharged'
