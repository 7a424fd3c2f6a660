import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { JobPhase, JobState, JobView } from '#protocol/api/jobs.ts'
import { formatDuration } from '#protocol/units.ts'
import { useNow } from '../app/clock.ts'
import { aboutQuery } from '../app/queries.ts'
import { EmptyNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { type Attempt, attemptsOf, blameOf, outcomeOf, yieldOf } from '../jobs/attempts.ts'
import { Cost } from '../jobs/cost.tsx'
import { shortJob } from '../jobs/job-row.tsx'
import { isFinal, JobStateBadge, jobPhases } from '../jobs/job-state.tsx'
import { NodeName, useNodePlaces } from '../jobs/node-name.tsx'
import { jobQuery } from '../jobs/queries.ts'
import { answerOf } from './answer.ts'
import type { Turn } from './conversation.ts'
import { describeRoute, type Look, RouteDiagram, type RouteStop } from './route-diagram.tsx'

const title = 'Route of the answer'

/** Where a prompt is, and which way it went. */
export function RoutePanel({ turn }: { turn: Turn | undefined }) {
  if (turn === undefined)
    return (
      <Panel title={title}>
        <EmptyNotice title="Nothing has been asked yet.">
          The way of each answer is drawn here as it goes: to the coordinator, to the nodes that it tries, and back.
        </EmptyNotice>
      </Panel>
    )
  return <Route turn={turn} />
}

function Route({ turn }: { turn: Turn }) {
  const { jobId, events, isOver, acceptedMs, firstTextMs } = turn
  const { data: about } = useQuery(aboutQuery)
  const { data: job } = useQuery({ ...jobQuery(jobId ?? ''), enabled: jobId !== undefined })
  const placeOf = useNodePlaces()
  const answer = answerOf(events)
  const attempts = attemptsOf(job, events)
  const open = attempts.filter(({ outcome }) => outcome === undefined)
  const stops = attempts.map(
    (attempt): RouteStop => ({
      attempt,
      ...placeOf(attempt.peerId),
      isAnswering: answer.firstTextAtMs !== undefined && open.length === 1 && open[0] === attempt,
    }),
  )
  const state = job !== undefined && isFinal(job.state) ? job.state : (answer.state ?? job?.state)
  const waiting = state === undefined || state === 'queued' ? 'waits for a slot' : isOver ? 'none was asked' : state
  return (
    <Panel
      title={title}
      aside={
        state !== undefined && (
          <span aria-live="polite">
            <JobStateBadge state={state} />
          </span>
        )
      }
    >
      <RouteDiagram
        coordinator={about?.peerId}
        stops={stops}
        waiting={waiting}
        first={firstLook(state, isOver, jobId !== undefined, answer.firstTextAtMs !== undefined)}
        description={describeRoute(stops, waiting, jobId !== undefined)}
      />
      {job !== undefined && <PhaseSteps job={job} />}
      <ol aria-label="Hops" className="mt-3 grid gap-2">
        <li>
          <p className="font-medium">You → coordinator</p>
          {jobId === undefined ? (
            <p className="text-muted">{isOver ? 'it did not take the prompt' : 'sending'}</p>
          ) : (
            <p className="text-muted">
              took it{acceptedMs !== undefined && ` after ${formatDuration(acceptedMs)}`} as job{' '}
              <Link to="/jobs/$jobId" params={{ jobId }} className="font-mono text-[13px] text-accent underline">
                {shortJob(jobId)}
              </Link>
              {job !== undefined && !isFinal(job.state) && `; ${answer.reason === '' ? job.reason : answer.reason}`}
            </p>
          )}
        </li>
        {attempts.map((attempt) => (
          <Hop key={attempt.attempt} attempt={attempt} />
        ))}
        {answer.firstTextAtMs !== undefined && (
          <li>
            <p className="font-medium">Coordinator → you</p>
            <p className="text-muted">
              {answer.tokens} tokens{isOver ? '' : ' so far'}
              {firstTextMs !== undefined && `, the first here ${formatDuration(firstTextMs)} after you sent it`}
              {answer.tokensPerSecond !== undefined && `, ${answer.tokensPerSecond.toFixed(1)} tokens/s as they came`}
            </p>
          </li>
        )}
      </ol>
    </Panel>
  )
}

function firstLook(state: JobState | undefined, isOver: boolean, isAccepted: boolean, hasText: boolean): Look {
  if (state === 'succeeded') return 'won'
  if (state === 'cancelled') return 'cancelled'
  if (isOver) return 'failed'
  return hasText ? 'answering' : isAccepted ? 'open' : 'planned'
}

function Hop({ attempt }: { attempt: Attempt }) {
  const { peerId, isHedge, outcome, startedAtMs, endedAtMs, paidWei } = attempt
  const told = [
    outcomeOf(attempt),
    endedAtMs === undefined ? undefined : `after ${formatDuration(endedAtMs - startedAtMs)}`,
    blameOf(attempt),
    yieldOf(attempt),
  ].filter((part) => part !== undefined && part !== '')
  return (
    <li>
      <p className={outcome === 'failed' ? 'line-through decoration-danger' : ''}>
        <span className="font-medium">Coordinator → node</span> <NodeName peerId={peerId} />
        {isHedge && ', a hedge: the first was slow to begin'}
      </p>
      <p className={`break-words ${outcome === 'failed' ? 'text-danger' : 'text-muted'}`}>
        {told.join(', ')}
        {paidWei !== undefined && paidWei !== '0' && (
          <>
            ; paid by voucher: <Cost wei={paidWei} />
          </>
        )}
      </p>
    </li>
  )
}

const phaseMeanings: Readonly<Record<JobPhase, string>> = {
  queued: 'Until a node had a free slot, and behind others on that node.',
  fetching: 'Until the bytes of the model were there.',
  loading: 'Until the node had the model in memory.',
  running: 'From the first word of the answer to its last.',
  returning: 'Until the result was written down.',
}

/** The five phases in their order, with the time that each took; a phase that was not needed says so. */
function PhaseSteps({ job: { phases, state } }: { job: JobView }) {
  const nowMs = useNow()
  return (
    <ol aria-label="Phases" className="mt-3 grid grid-cols-5 gap-1 text-[13px]">
      {jobPhases.map((phase) => {
        const own = phases.filter((each) => each.phase === phase)
        const isNow = !isFinal(state) && own.some(({ endedAtMs }) => endedAtMs === undefined)
        const tookMs = own.reduce((sum, { sinceMs, endedAtMs }) => sum + Math.max(0, (endedAtMs ?? nowMs) - sinceMs), 0)
        const isPassed = own.length > 0 && !isNow
        const mark = isNow ? '▸' : isPassed ? '✓' : ''
        const isSkipped = own.length === 0 && (isFinal(state) || isLater(phases, phase))
        return (
          <li
            key={phase}
            title={phaseMeanings[phase]}
            aria-current={isNow ? 'step' : undefined}
            className={`border-t-2 pt-1 ${isNow ? 'border-accent font-medium' : isPassed ? 'border-ready' : 'border-line text-muted'}`}
          >
            {phase}
            <span className="block text-muted">
              <span aria-hidden="true">{mark}</span>
              {own.length > 0 ? ` ${formatDuration(tookMs)}` : isSkipped ? 'skipped' : 'to come'}
            </span>
          </li>
        )
      })}
    </ol>
  )
}

/** A later phase has begun. */
function isLater(phases: JobView['phases'], phase: JobPhase): boolean {
  return phases.some((each) => jobPhases.indexOf(each.phase) > jobPhases.indexOf(phase))
}
