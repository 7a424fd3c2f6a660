/** Whether a run of the local swarm was a good one, and its last line of JSON. */
import type { ScenarioResult } from './scenario.ts'

const sourcesMin = 3
const shareMax = 0.6

/**
 * What is missing from a good run; `undefined` when nothing is. How the bytes spread is judged only where uploads are
 * capped: without caps a small file has come from the first source before the second has answered.
 */
export function judge(
  result: Pick<ScenarioResult, 'fileIdentical' | 'answer' | 'economy' | 'coordinatorSeen'> & {
    transfer: { sources: readonly { bytes: number }[] }
  },
  hasCaps: boolean,
): string | undefined {
  const { transfer, fileIdentical, answer, economy, coordinatorSeen } = result
  const used = transfer.sources.map((source) => source.bytes).filter((bytes) => bytes > 0)
  const sum = used.reduce((total, bytes) => total + bytes, 0)
  const largest = Math.max(0, ...used) / Math.max(1, sum)
  if (!fileIdentical) return 'the fetched file differs from the original'
  if (hasCaps && used.length < sourcesMin)
    return `the late node used ${used.length} source${used.length === 1 ? '' : 's'}, fewer than ${sourcesMin}`
  if (hasCaps && largest > shareMax)
    return `one source gave ${Math.round(largest * 100)} % of the bytes, more than ${shareMax * 100} %`
  if (answer.trim() === '') return 'the answer is empty'
  if (coordinatorSeen.jobs === 0) return 'the coordinator ended no job'
  if (economy?.vouchers === 0) return 'nobody paid'
  const [difference] = economy?.differences ?? []
  if (difference !== undefined) return `chain and ledgers differ: ${difference}`
  return undefined
}

export function summaryOf(result: ScenarioResult, durationMs: number) {
  const { transfer, payload, nodes, model, fileIdentical, answer, tokensPerSecond, economy } = result
  const bySource = (view: ScenarioResult['transfer']) =>
    Object.fromEntries(view.sources.filter((source) => source.bytes > 0).map((source) => [source.peerId, source.bytes]))
  const base = {
    event: 'summary',
    nodes: nodes.length,
    modelId: model.modelId,
    bytesTotal: transfer.heldBytes,
    bytesBySource: bySource(transfer),
    chunksVerified: transfer.chunksVerified,
    chunksRejected: transfer.chunksRejected,
    fileIdentical,
    answer,
    tokensPerSecond,
    durationMs,
    coordinator: result.coordinatorSeen,
    economy: economy ?? null,
  }
  if (payload === undefined) return base
  return {
    ...base,
    payload: {
      modelId: payload.modelId,
      bytesTotal: payload.heldBytes,
      bytesBySource: bySource(payload),
      chunksVerified: payload.chunksVerified,
    },
  }
}
