/** What happened to the rows, told at least once and in order to whoever must act on it. */
import { HartonomousError } from '#protocol/errors.ts'
import { outboxEventsMax } from '#protocol/limits.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import type { TenantSession } from './executor.ts'
import type { OutboxEvent, OutboxTopic } from './types.ts'

/** In the transaction of the change itself: both happen or neither. */
export async function emit(
  x: TenantSession,
  topic: OutboxTopic,
  body: Record<string, unknown>,
  atMs: number,
): Promise<void> {
  await x.run('insertOutbox', { topic, body: canonicalJson(body), atMs })
  // A reader that was away for longer than this looks at the rows themselves.
  await x.run('trimOutbox', { keep: outboxEventsMax })
}

export async function claimOutbox(
  x: TenantSession,
  limit: number,
  leaseMs: number,
  atMs: number,
): Promise<OutboxEvent[]> {
  if (!(limit > 0) || !(leaseMs > 0)) {
    throw new HartonomousError('ERR_USAGE', { message: `an outbox claim of ${limit} events for ${leaseMs} ms` })
  }
  // While earlier events are out, later ones wait: else a claim that dies would have its events told after later ones.
  const leased = await x.get('countLeased', { atMs })
  if (leased!.count > 0) return []
  const rows = await x.all('listOutbox', { limit: Math.floor(limit) })
  if (rows.length === 0) return []
  await x.run('leaseOutbox', {
    seqs: JSON.stringify(rows.map((row) => row.seq)),
    leaseUntilMs: Math.ceil(atMs + leaseMs),
  })
  return rows.map((row) => ({
    seq: row.seq,
    topic: row.topic as OutboxTopic,
    body: parseJson(row.body),
    atMs: row.atMs,
  }))
}

export async function ackOutbox(x: TenantSession, seqs: readonly number[]): Promise<void> {
  if (seqs.length > 0) await x.run('deleteOutbox', { seqs: JSON.stringify(seqs) })
}
