/** A job as its requester sees it. */
import type { AttemptView, JobErrorView, JobView } from '#protocol/api/jobs.ts'
import type { AttemptRow, JobRow } from '#sql/store/job.ts'
import type { AttemptDetail } from './job-detail.ts'
import { detailOf } from './job-detail.ts'

export function viewJob(row: JobRow, attempts: readonly AttemptRow[]): JobView {
  const { phases, privacy, model } = detailOf(row)
  return {
    jobId: row.jobId,
    kind: row.kind,
    state: row.state,
    phases,
    reason: row.reason === '' ? 'nobody has begun it yet' : row.reason,
    ...(model === undefined ? {} : { model }),
    ...(row.parentJobId === undefined ? {} : { parentJobId: row.parentJobId }),
    privacy,
    createdAtMs: row.createdAtMs,
    updatedAtMs: row.updatedAtMs,
    ...(row.finishedAtMs === undefined ? {} : { finishedAtMs: row.finishedAtMs }),
    attempts: attempts.map(viewAttempt),
    chargedWei: String(row.chargedWei),
    ...(row.error === undefined ? {} : { error: JSON.parse(row.error) as JobErrorView }),
  }
}

function viewAttempt({
  attempt,
  peerId,
  isHedge,
  startedAtMs,
  endedAtMs,
  outcome,
  detail,
  paidWei,
}: AttemptRow): AttemptView {
  const { receipt: _, ...rest } = JSON.parse(detail) as AttemptDetail
  return {
    attempt,
    peerId,
    isHedge,
    startedAtMs,
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    ...(outcome === undefined ? {} : { outcome }),
    ...rest,
    paidWei: String(paidWei),
  }
}
