/** States of jobs as pages show them: each with a form and a word, so that colour is never the only sign. */
import type { JobPhase, JobState, JobView } from '#protocol/api/jobs.ts'

/** In the order in which a job goes through them. Written out here: the schemas they come from are much code. */
export const jobPhases = ['queued', 'fetching', 'loading', 'running', 'returning'] as const satisfies JobPhase[]
export const jobStates = [
  ...jobPhases,
  'waiting',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly JobState[]
export const openStates = [...jobPhases, 'waiting'] as const satisfies readonly JobState[]

export function isFinal(state: JobState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled'
}

/** What a state means, in the words of the API. */
export const stateMeanings: Readonly<Record<JobState, string>> = {
  queued: 'waits for a node with a free slot',
  fetching: 'bytes of the model come from the swarm',
  loading: 'its node loads the model',
  running: 'its node answers',
  returning: 'the result is written down',
  waiting: 'for a person to say yes or no',
  succeeded: 'it has its result',
  failed: 'it ended with an error',
  cancelled: 'its requester wanted it no more',
}

const colours: Readonly<Record<JobState, string>> = {
  queued: 'text-paused',
  fetching: 'text-alive',
  loading: 'text-alive',
  running: 'text-accent',
  returning: 'text-alive',
  waiting: 'text-busy',
  succeeded: 'text-ready',
  failed: 'text-danger',
  cancelled: 'text-paused',
}

function Shape({ state }: { state: JobState }) {
  const line = { fill: 'none', stroke: 'currentColor', strokeWidth: 2 }
  switch (state) {
    case 'queued':
      return <circle cx="6" cy="6" r="4" {...line} strokeDasharray="2.2 2" />
    case 'fetching':
      return <path d="M6 1v7M2.5 5 6 8.5 9.5 5M2 11h8" {...line} />
    case 'loading':
      return <path d="M1.5 2.5h9M1.5 6h9M1.5 9.5h5" {...line} />
    case 'running':
      return <path d="M2.5 1 11 6l-8.5 5Z" fill="currentColor" />
    case 'returning':
      return <path d="M11 6H2.5M6 2 2 6l4 4" {...line} />
    case 'waiting':
      return <path d="M2 1.5h3v9H2zM7 1.5h3v9H7z" fill="currentColor" />
    case 'succeeded':
      return <path d="M1.5 6.5 4.8 10 10.5 2.5" {...line} />
    case 'failed':
      return <path d="M2 2l8 8M10 2l-8 8" {...line} />
    case 'cancelled':
      return (
        <>
          <circle cx="6" cy="6" r="4.6" {...line} strokeWidth={1.6} />
          <path d="M3 9 9 3" {...line} strokeWidth={1.6} />
        </>
      )
  }
}

/** Form and word. */
export function JobStateBadge({ state, reason }: { state: JobState; reason?: string }) {
  return (
    <span
      className={`inline-flex items-center gap-1.5 font-medium whitespace-nowrap ${colours[state]}`}
      title={reason ?? stateMeanings[state]}
    >
      <svg viewBox="0 0 12 12" aria-hidden="true" className="size-3 shrink-0">
        <Shape state={state} />
      </svg>
      {state}
    </span>
  )
}

/** From its submission to its end, or until now where it goes on; a clock of this browser that is behind counts for nothing. */
export function jobDurationMs(
  { createdAtMs, finishedAtMs, updatedAtMs }: Pick<JobView, 'createdAtMs' | 'finishedAtMs' | 'updatedAtMs'>,
  nowMs: number,
): number {
  return (finishedAtMs ?? Math.max(updatedAtMs, nowMs)) - createdAtMs
}
