/** Tries of a job on nodes, as a page tells them. */
import type { AttemptView, JobEvent, JobView } from '#protocol/api/jobs.ts'
import { formatDuration } from '#protocol/units.ts'

export type Attempt = AttemptView

/** Those of the view, and those that the events tell of already; in order. */
export function attemptsOf(job: Pick<JobView, 'attempts'> | undefined, events: readonly JobEvent[]): Attempt[] {
  const known = new Map((job?.attempts ?? []).map((attempt) => [attempt.attempt, attempt]))
  for (const event of events) {
    if (event.type !== 'attempt' || known.has(event.attempt)) continue
    const { attempt, peerId, isHedge, atMs: startedAtMs } = event
    known.set(attempt, { attempt, peerId, isHedge, startedAtMs })
  }
  return [...known.values()].sort((a, b) => a.attempt - b.attempt)
}

/** What became of it, in a word. */
export function outcomeOf({ outcome, isHedge, error }: Attempt): string {
  switch (outcome) {
    case 'won':
      return 'answered'
    case 'lost':
      return isHedge ? 'slower than the first' : 'slower than the second'
    case 'failed':
      return error === undefined ? 'failed' : `failed: ${error.message}`
    case 'cancelled':
      return 'stopped'
    default:
      return 'at work'
  }
}

const blames = {
  node: 'the fault of the node',
  requester: 'the fault of the request',
  coordinator: 'the fault of the coordinator',
  none: undefined,
} as const

/** Whose fault it was, where evidence shows it. */
export function blameOf({ blame }: Attempt): string | undefined {
  return blame === undefined ? undefined : blames[blame]
}

/** `14 tokens, first token after 63 ms`; empty where it gave none. */
export function yieldOf({ promptTokens = 0, completionTokens, firstTokenMs }: Attempt): string {
  // Vectors come of tokens that were read; none are written.
  const tokens =
    completionTokens === undefined
      ? []
      : [
          completionTokens === 0
            ? `${promptTokens} tokens read`
            : completionTokens === 1
              ? '1 token'
              : `${completionTokens} tokens`,
        ]
  const first = firstTokenMs === undefined ? [] : [`first token after ${formatDuration(firstTokenMs)}`]
  return [...tokens, ...first].join(', ')
}
