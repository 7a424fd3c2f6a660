/** Made-up jobs, and what happens to them. */
import { createHash } from 'node:crypto'
import type { AttemptRow, NewJob } from '../job.ts'
import { bytesOf } from './sample.ts'

/** UUID version 7 of a millisecond and a seed. */
export function jobIdOf(seed: string, atMs = 1_800_000_000_000): string {
  const time = atMs.toString(16).padStart(12, '0')
  const rest = Buffer.from(bytesOf(`job ${seed}`, 10)).toString('hex')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-8${rest.slice(3, 6)}-${rest.slice(6, 18)}`
}

/** Later numbers have later ids. */
export function sampleJob(n: number, changes: Partial<NewJob> = {}): NewJob {
  const request = JSON.stringify({ work: { kind: 'chat', model: 'm', prompt: `größe 😀 ${n}` } })
  const createdAtMs = 1_800_000_000_000 + n
  const requestHash = new Uint8Array(createHash('sha256').update(request).digest())
  return { jobId: jobIdOf(`${n}`, createdAtMs), kind: 'chat', requestHash, request, createdAtMs, ...changes }
}

export function sampleAttempt(jobId: string, attempt: number, changes: Partial<AttemptRow> = {}): AttemptRow {
  const times = { startedAtMs: 5, isHedge: false }
  return { jobId, attempt, peerId: `peer ${attempt}`, ...times, detail: '{}', paidWei: 0n, ...changes }
}
