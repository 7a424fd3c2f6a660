/** A row for a job that nobody has begun. */
import { createHash, randomBytes } from 'node:crypto'
import type { SubmitRequest, Work } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { jobRequestBytesMax } from '#protocol/limits.ts'
import type { NewJob } from '#sql/store/job.ts'
import type { JobPrincipal } from './job-detail.ts'

export interface NewJobOptions {
  /** Checked already: keys in the order of the schema, so that equal requests have equal texts. */
  request: SubmitRequest
  /** What is kept in place of the request's own, where names in it were resolved; the same request is known by its own. */
  work?: Work
  idempotencyKey?: string | undefined
  parentJobId?: string
  traceparent?: string | undefined
  /** For whom it acts. */
  principal: JobPrincipal
  policyHash?: string | undefined
  nowMs: number
}

/** @throws {ERR_LIMIT} */
export function newJob({
  work,
  request,
  idempotencyKey,
  parentJobId,
  traceparent,
  principal,
  policyHash,
  nowMs,
}: NewJobOptions): NewJob {
  const text = JSON.stringify(request)
  const sizeBytes = Buffer.byteLength(text)
  if (sizeBytes > jobRequestBytesMax)
    throw new HartonomousError('ERR_LIMIT', { what: 'bytes of a job', limit: jobRequestBytesMax, actual: sizeBytes })
  return {
    jobId: uuid7(nowMs),
    kind: request.work.kind,
    requestHash: createHash('sha256').update(text).digest(),
    request: JSON.stringify({
      ...request,
      ...(work === undefined ? {} : { work }),
      principal,
      ...(policyHash === undefined ? {} : { policyHash }),
      ...(traceparent === undefined ? {} : { traceparent }),
    }),
    createdAtMs: nowMs,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(parentJobId === undefined ? {} : { parentJobId }),
  }
}

/** RFC 9562 section 5.7: 48 bits of milliseconds, then random ones; ids sort by the time when they were made. */
function uuid7(nowMs: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(nowMs, 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
