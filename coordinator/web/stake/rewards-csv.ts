import type { RewardEntry } from '#protocol/api/chain.ts'
import { formatHart } from '#protocol/hart.ts'

const columns = ['paid_at', 'epoch', 'kind', 'source', 'node', 'hart', 'wei', 'block', 'transaction'] as const

/** One row a payment, newest first; a slash is negative. Amounts are exact, times ISO 8601. */
export function rewardsCsv(rewards: readonly RewardEntry[]): string {
  const rows = rewards.map(({ atMs, epoch, kind, source, node, wei, blockNumber, transactionHash }) => {
    const signed = kind === 'slash' ? -BigInt(wei) : BigInt(wei)
    const paidAt = new Date(atMs).toISOString()
    return [paidAt, epoch, kind, source, node, formatHart(signed), signed, blockNumber, transactionHash].join(',')
  })
  return [columns.join(','), ...rows, ''].join('\r\n')
}
