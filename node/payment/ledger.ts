/**
 * The ledger as payment writes and reads it: what was promised, done and settled, append-only and hash-chained in the shard
 * store. What cannot be found in it did not happen.
 */
import { createHash } from 'node:crypto'
import { type Address, parseAddress } from '#protocol/ids.ts'
import {
  decodePayment,
  decodeReceiptDetails,
  encodePayment,
  type PaymentMessage,
  type ReceiptDetails,
} from '#protocol/payment/index.ts'
import type { LedgerAppend, LedgerEntry, TenantStore } from '#sql/store/index.ts'
import { type ChannelKey, channelName, type PaymentDomain } from './types.ts'

export type LedgerStore = Pick<TenantStore, 'appendLedger' | 'listLedger' | 'latestLedger' | 'checkLedger'>
export type ReceiptMessage = Extract<PaymentMessage, { type: 'receipt' }>

/** A voucher as it was written down. */
export interface VoucherRecord {
  key: ChannelKey
  cumulativeWei: bigint
  signature: Uint8Array
}

/** How a channel stood at the end of a session. */
export interface WorkRecord {
  key: ChannelKey
  doneWei: bigint
  promisedWei: bigint
  atMs: number
  /** Why the session ended. */
  reason: string
}

export interface ReceiptRecord {
  domain: PaymentDomain
  role: 'signed' | 'received'
  message: ReceiptMessage
  details: ReceiptDetails
}

export function voucherEntry(
  kind: 'voucher-received' | 'voucher-signed',
  { key, cumulativeWei, signature }: VoucherRecord,
  atMs: number,
): LedgerAppend {
  const body = encodePayment({ type: 'voucher', cumulativeWei, signature })
  return { kind, subject: channelName(key), body, atMs, fields: { cumulative_wei: String(cumulativeWei) } }
}

export function voucherOf(entry: LedgerEntry): VoucherRecord {
  const message = decodePayment(entry.body)
  if (message.type !== 'voucher') throw new TypeError(`ledger entry ${entry.seq} is no voucher`)
  return { key: channelOf(entry.subject), cumulativeWei: message.cumulativeWei, signature: message.signature }
}

/** The subject names job, attempt and node: a second receipt for them is the same one. */
export function receiptEntry({ domain, role, message, details }: ReceiptRecord, atMs: number): LedgerAppend {
  const { receipt } = message
  return {
    kind: role === 'signed' ? 'receipt-signed' : 'receipt-received',
    subject: receiptSubject(receipt),
    body: encodePayment(message),
    atMs,
    fields: {
      job: hex(receipt.job),
      attempt: receipt.attempt,
      role,
      kind: details.kind,
      model_id: details.modelId,
      requester: receipt.requester,
      node: receipt.node,
      bytes: details.bytes,
      prompt_tokens: details.promptTokens,
      completion_tokens: details.completionTokens,
      due_wei: String(details.dueWei),
      finished_at: receipt.finishedAt,
      chain: `eip155:${domain.chainId}:${domain.escrow}:${domain.disputes}`,
    },
  }
}

export function receiptSubject(receipt: { job: Uint8Array; attempt: number; node: Address }): string {
  return `${hex(receipt.job)}/${receipt.attempt}/${receipt.node}`
}

export function receiptOf(entry: LedgerEntry): ReceiptRecord {
  const message = decodePayment(entry.body)
  if (message.type !== 'receipt') throw new TypeError(`ledger entry ${entry.seq} is no receipt`)
  const [, chainId, escrow, disputes] = String(entry.fields?.['chain']).split(':')
  return {
    domain: { chainId: Number(chainId), escrow: parseAddress(escrow!), disputes: parseAddress(disputes!) },
    role: entry.kind === 'receipt-signed' ? 'signed' : 'received',
    message,
    details: decodeReceiptDetails(message.details),
  }
}

export function workEntry({ key, doneWei, promisedWei, atMs, reason }: WorkRecord): LedgerAppend {
  const fields = { done_wei: String(doneWei), promised_wei: String(promisedWei), reason }
  return { kind: 'work', subject: channelName(key), body: new Uint8Array(), atMs, fields }
}

export function workOf(entry: LedgerEntry): WorkRecord {
  const { done_wei, promised_wei, reason } = entry.fields ?? {}
  return {
    key: channelOf(entry.subject),
    doneWei: BigInt(String(done_wei)),
    promisedWei: BigInt(String(promised_wei)),
    atMs: entry.atMs,
    reason: String(reason),
  }
}

/** The reverse of `channelName`. A receipt's contract is not part of it. */
export function channelOf(subject: string): ChannelKey {
  const [chain, payer, payee, topic] = subject.split('/')
  const [, chainId, escrow] = chain!.split(':')
  return {
    domain: { chainId: Number(chainId), escrow: parseAddress(escrow!), disputes: noAddress },
    payer: parseAddress(payer!),
    payee: parseAddress(payee!),
    topic: new Uint8Array(Buffer.from(topic!, 'hex')),
  }
}

export const noAddress = parseAddress(`0x${'00'.repeat(20)}`)

export function detailsHash(details: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(details).digest())
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
