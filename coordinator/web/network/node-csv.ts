/** The table as a file: figures as they came, with their units in the names of the columns. RFC 4180. */
import type { SwarmNode } from '../app/swarm.ts'

const columns: Readonly<Record<string, (node: SwarmNode) => string | number | boolean | undefined>> = {
  peer_id: ({ peerId }) => peerId,
  state: ({ state }) => state,
  reason: ({ reason }) => reason,
  region: ({ region }) => region,
  version: ({ version }) => version,
  models: ({ models }) => models.map(({ name, modelId }) => name ?? modelId).join(' '),
  slots_free: ({ inferenceSlotsFree }) => inferenceSlotsFree,
  slots: ({ inferenceSlots }) => inferenceSlots,
  load: ({ load }) => load,
  tokens_per_second: ({ speed }) => speed?.tokensPerSecond,
  upload_bytes_per_second: ({ uploadBytesPerSecond }) => uploadBytesPerSecond,
  disk_free_bytes: ({ diskFreeBytes }) => diskFreeBytes,
  wei_per_kilo_token: ({ price }) => price?.weiPerKiloToken,
  wei_per_gib: ({ price }) => price?.weiPerGiB,
  bond_wei: ({ stake }) => stake?.bondWei,
  score: ({ score }) => score,
  round_trip_ms: ({ rttMs }) => rttMs,
  heard_at: ({ heardAtMs }) => new Date(heardAtMs).toISOString(),
}

export function nodesCsv(nodes: readonly SwarmNode[]): string {
  const head = Object.keys(columns).join(',')
  const rows = nodes.map((node) =>
    Object.values(columns)
      .map((of) => cell(of(node)))
      .join(','),
  )
  return `${[head, ...rows].join('\r\n')}\r\n`
}

function cell(value: string | number | boolean | undefined): string {
  const text = String(value ?? '')
  // What a node says of itself must not become a formula of whoever opens the file.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
