import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { JobErrorView, JobView } from '#protocol/api/jobs.ts'
import { errorFromWire } from '#protocol/errors.ts'
import { client } from '../app/client.ts'
import { useLive } from '../app/live.ts'
import { useIdentity, useScope } from '../app/session.ts'
import { SignInWays } from '../app/sign-in.tsx'
import { Age } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { formatDateTime } from '../lib/format.ts'
import { attemptsOf } from './attempts.ts'
import { Cost } from './cost.tsx'
import { JobChildren } from './job-children.tsx'
import { JobEvents } from './job-events.tsx'
import { JobRequest } from './job-request.tsx'
import { JobResult } from './job-result.tsx'
import { shortJob, Took } from './job-row.tsx'
import { isFinal, JobStateBadge, stateMeanings } from './job-state.tsx'
import { jobQuery, jobRequestQuery, jobResultQuery } from './queries.ts'
import { randomKey } from './random-key.ts'
import { Receipts } from './receipts.tsx'
import { TextBlock } from './text-block.tsx'
import { useJobEvents } from './use-job-events.ts'
import { Waterfall } from './waterfall.tsx'
import { Approval, stepsOf, WorkflowSteps } from './workflow-steps.tsx'

export function JobPage() {
  const { jobId } = useParams({ from: '/jobs/$jobId' })
  const identity = useIdentity()
  const mayRead = useScope('jobs:read')
  const { data: job, error, refetch } = useQuery({ ...jobQuery(jobId), enabled: mayRead })
  const title = `Job ${shortJob(jobId)}`
  if (identity !== undefined && !mayRead)
    return (
      <Page title={title}>
        <Panel title="Whose job?">
          <p className="mb-4">A job is shown to whoever submitted it.</p>
          <SignInWays onDone={() => undefined} />
        </Panel>
      </Page>
    )
  return (
    <Page title={title} aside={job === undefined ? undefined : <Actions key={jobId} job={job} />}>
      {job === undefined && error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {job === undefined && error === null && <Skeleton className="h-60 w-full" />}
      {job !== undefined && <Job key={jobId} job={job} />}
    </Page>
  )
}

function Job({ job }: { job: JobView }) {
  const { jobId, kind, state } = job
  const { events, error } = useJobEvents(jobId)
  const request = useQuery(jobRequestQuery(jobId))
  const result = useQuery({ ...jobResultQuery(jobId), enabled: state === 'succeeded' })
  const steps = stepsOf(events)
  const waiting = state === 'waiting' ? steps.filter(({ status }) => status === 'waiting') : []
  const text = result.data?.kind === 'chat' || result.data?.kind === 'completion' ? result.data.text : undefined
  const isParent = kind === 'batch' || kind === 'workflow'
  return (
    <>
      <Facts job={job} />
      {waiting.length > 0 && (
        <Panel title="It waits for you" className="border-warn">
          <div className="grid gap-4">
            {waiting.map(({ step, detail = '' }) => (
              <Approval key={step} jobId={jobId} step={step} question={detail} />
            ))}
          </div>
        </Panel>
      )}
      {job.error !== undefined && <JobError error={job.error} />}
      <Panel title="Where the time went" aside={<Legend />}>
        {job.phases.length === 0 ? (
          <EmptyNotice title="Nobody has begun it yet." />
        ) : (
          <Waterfall job={job} attempts={attemptsOf(job, events)} />
        )}
      </Panel>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-3 lg:grid-cols-[repeat(2,minmax(0,1fr))]">
        <Panel title="What was asked">
          {request.data !== undefined && <JobRequest request={request.data} />}
          {request.error !== null && <ErrorNotice error={request.error} onRetry={() => void request.refetch()} />}
          {request.isPending && <Skeleton className="h-24 w-full" />}
        </Panel>
        <Panel title="What came of it">
          <Outcome job={job} textSoFar={textOf(events)}>
            {result.data !== undefined && <JobResult result={result.data} />}
            {result.error !== null && <ErrorNotice error={result.error} onRetry={() => void result.refetch()} />}
          </Outcome>
        </Panel>
      </div>
      {steps.length > 0 && (
        <Panel title="Steps">
          <WorkflowSteps steps={steps} />
        </Panel>
      )}
      {isParent ? (
        <Panel title={kind === 'batch' ? 'Its items, each a job' : 'Jobs of its prompts'}>
          <JobChildren jobId={jobId} />
        </Panel>
      ) : (
        <Panel title="Receipts">
          <Receipts job={job} text={text} />
        </Panel>
      )}
      <Panel title="Events">
        {error !== undefined && <ErrorNotice error={error} />}
        <JobEvents events={events} createdAtMs={job.createdAtMs} />
      </Panel>
    </>
  )
}

/** Text of the last try, as far as it has come. */
function textOf(events: ReturnType<typeof useJobEvents>['events']): string {
  const begun = events.findLastIndex(({ type }) => type === 'attempt')
  return events
    .slice(begun + 1)
    .map((event) => (event.type === 'text' ? event.text : ''))
    .join('')
}

function Facts({ job }: { job: JobView }) {
  const { jobId, kind, state, reason, model, parentJobId, privacy, createdAtMs, chargedWei } = job
  const { isConnected } = useLive()
  const { dataUpdatedAt } = useQuery(jobQuery(jobId))
  const isOpen = !isFinal(state)
  const facts: [string, React.ReactNode][] = [
    ['state', <JobStateBadge key="state" state={state} />],
    ['why', reason],
    ['kind', kind],
    ['model', model],
    [
      'part of',
      parentJobId === undefined ? undefined : (
        <Link
          key="parent"
          to="/jobs/$jobId"
          params={{ jobId: parentJobId }}
          className="font-mono text-[13px] text-accent underline"
        >
          {shortJob(parentJobId)}
        </Link>
      ),
    ],
    ['privacy', privacy],
    ['took', <Took key="took" job={job} />],
    ['charged', chargedWei === '0' ? 'nothing' : <Cost key="cost" wei={chargedWei} />],
    ['submitted', <Age key="age" atMs={createdAtMs} prefix={`${formatDateTime(createdAtMs)}, `} />],
    ['id', <CopyText key="id" text={jobId} label="the id of the job" />],
  ]
  return (
    <div className={isOpen && !isConnected ? 'text-stale' : ''}>
      <dl className="flex flex-wrap gap-x-6 gap-y-1">
        {facts.map(([name, value]) =>
          value === undefined ? null : (
            <div key={name} className="flex min-w-0 items-baseline gap-2">
              <dt className="text-muted">{name}</dt>
              <dd className="min-w-0 wrap-anywhere" title={name === 'state' ? stateMeanings[state] : undefined}>
                {value}
              </dd>
            </div>
          ),
        )}
      </dl>
      {isOpen && !isConnected && (
        <p className="text-[13px]">
          <Age atMs={dataUpdatedAt} prefix="as it was " />
        </p>
      )}
    </div>
  )
}

function Legend() {
  return (
    <span className="flex flex-wrap gap-x-4 text-[13px] text-muted">
      <span className="inline-flex items-center gap-1.5">
        <span aria-hidden="true" className="inline-block size-2 rotate-45 bg-ink" />
        first token
      </span>
      <span>phases, then each try on its node; time since it was submitted</span>
    </span>
  )
}

/** With the phase in which it broke and the figures of the error. */
function JobError({ error }: { error: JobErrorView }) {
  const fields = Object.entries(error.fields)
  return (
    <div className="grid gap-2">
      <ErrorNotice error={errorFromWire(error)} />
      <dl className="flex flex-wrap gap-x-5 text-[13px]">
        <div className="flex gap-1.5">
          <dt className="text-muted">in the phase</dt>
          <dd>{error.phase}</dd>
        </div>
        {fields.map(([name, value]) => (
          <div key={name} className="flex min-w-0 gap-1.5">
            <dt className="text-muted">{name}</dt>
            <dd className="break-words">{typeof value === 'object' ? JSON.stringify(value) : String(value)}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

function Outcome({ job, textSoFar, children }: { job: JobView; textSoFar: string; children: React.ReactNode }) {
  if (job.state === 'succeeded') return children
  const isOver = isFinal(job.state)
  if (textSoFar !== '')
    return (
      <>
        <TextBlock text={textSoFar} label={isOver ? 'what had come when it ended' : 'the answer so far'} />
        <p className="mt-1 text-[13px] text-muted">{isOver ? 'what had come when it ended' : 'so far'}</p>
      </>
    )
  return (
    <EmptyNotice
      title={
        isOver ? `It was ${job.state === 'failed' ? 'not finished' : 'cancelled'}: there is no result.` : 'Nothing yet.'
      }
    >
      {job.reason}
    </EmptyNotice>
  )
}

function Actions({ job }: { job: JobView }) {
  const { jobId, state } = job
  const queries = useQueryClient()
  const navigate = useNavigate()
  const mayWrite = useScope('jobs:write')
  const [busy, setBusy] = useState<'cancel' | 'again'>()
  const [error, setError] = useState<unknown>()
  if (!mayWrite) return undefined
  const act = (name: 'cancel' | 'again', work: () => Promise<unknown>) => async () => {
    setBusy(name)
    setError(undefined)
    try {
      await work()
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(undefined)
    }
  }
  const cancel = act('cancel', async () => {
    queries.setQueryData(jobQuery(jobId).queryKey, await client.call('cancelJob', { params: { jobId } }))
  })
  const again = act('again', async () => {
    const body = await queries.ensureQueryData(jobRequestQuery(jobId))
    const { jobId: next } = await client.call('submitJob', { body }, { idempotencyKey: randomKey() })
    await navigate({ to: '/jobs/$jobId', params: { jobId: next } })
  })
  return (
    <div className="flex flex-wrap items-center gap-2">
      {error !== undefined && <ErrorNotice error={error} />}
      {!isFinal(state) && (
        <Button tone="danger" isBusy={busy === 'cancel'} onClick={() => void cancel()}>
          Cancel
        </Button>
      )}
      <Button isBusy={busy === 'again'} onClick={() => void again()}>
        Run again
      </Button>
    </div>
  )
}
