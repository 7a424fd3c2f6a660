/** A receipt as its requester gets it: with what is needed to check it anywhere. */

import { receiptOf } from '#node/runtime/index.ts'
import type { ReceiptView } from '#protocol/api/network.ts'
import type { LedgerEntry } from '#sql/store/index.ts'

export function viewReceipt(jobId: string, attempt: number, peerId: string, entry: LedgerEntry): ReceiptView {
  const { message, details } = receiptOf(entry)
  const { receipt, signature } = message
  return {
    jobId,
    attempt,
    peerId,
    atMs: entry.atMs,
    kind: details.kind,
    dueWei: String(details.dueWei),
    promptTokens: details.promptTokens,
    completionTokens: details.completionTokens,
    receipt: Object.fromEntries(Object.entries(receipt).map(([name, value]) => [name, text(value)])),
    signature: text(signature) as string,
  }
}

function text(value: unknown): string | number {
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
  return typeof value === 'number' ? value : String(value)
}
