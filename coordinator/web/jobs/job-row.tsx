import { Link } from '@tanstack/react-router'
import type { JobView } from '#protocol/api/jobs.ts'
import { formatDuration } from '#protocol/units.ts'
import { useNow } from '../app/clock.ts'
import { Age } from '../components/age.tsx'
import { Cost } from './cost.tsx'
import { isFinal, JobStateBadge, jobDurationMs } from './job-state.tsx'

/** Around a table of jobs: a narrow window shows no kind (it stands under the id there), no model and no count of tries. */
export const jobTableClass =
  'max-sm:[&_tr>*:nth-child(3)]:hidden max-sm:[&_tr>*:nth-child(4)]:hidden max-sm:[&_tr>*:nth-child(6)]:hidden'

export const jobColumns = ['State', 'Job', 'Kind', 'Model', 'Why', 'Tries', 'Took', 'Charged', 'Submitted']

/** A line of a table of jobs. `lead` stands before its id: what opens its children, or the room that shows it as a child. */
export function JobRow({ job, lead }: { job: JobView; lead?: React.ReactNode }) {
  const { jobId, kind, state, model, reason, attempts, chargedWei, createdAtMs, error } = job
  return (
    <tr className="align-top">
      <td>
        <JobStateBadge state={state} />
      </td>
      <td className="whitespace-nowrap">
        {lead}
        <Link
          to="/jobs/$jobId"
          params={{ jobId }}
          title={jobId}
          className="font-mono text-[13px] text-accent underline"
        >
          {shortJob(jobId)}
        </Link>
        <span className="block text-[13px] text-muted sm:hidden">{kind}</span>
      </td>
      <td>{kind}</td>
      <td className="break-words">{model}</td>
      <td className="max-w-96 min-w-40">
        <span className="line-clamp-3 wrap-anywhere" title={error?.message ?? reason}>
          {error?.message ?? reason}
        </span>
      </td>
      <td>{attempts.length === 0 ? '' : attempts.length}</td>
      <td className="whitespace-nowrap">
        <Took job={job} />
      </td>
      <td>{chargedWei === '0' ? <span className="text-muted">nothing</span> : <Cost wei={chargedWei} />}</td>
      <td className="whitespace-nowrap">
        <Age atMs={createdAtMs} />
      </td>
    </tr>
  )
}

/** The first half of a job's id is the time: jobs of one minute are told apart by their ends. */
export function shortJob(jobId: string): string {
  return `…${jobId.slice(-8)}`
}

export function Took({ job }: { job: JobView }) {
  const nowMs = useNow()
  return (
    <>
      {formatDuration(jobDurationMs(job, nowMs))}
      {!isFinal(job.state) && <span className="text-muted"> so far</span>}
    </>
  )
}
