import { useInfiniteQuery, useQueries } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Fragment, useId, useState } from 'react'
import type { JobState } from '#protocol/api/jobs.ts'
import { useLive } from '../app/live.ts'
import { useIdentity, useScope } from '../app/session.ts'
import { SignInWays } from '../app/sign-in.tsx'
import { Age, useIsStale } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { inputClass } from '../components/field.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { formatCount } from '../lib/format.ts'
import { groupJobs, type JobGroup } from './job-groups.ts'
import { JobRow, jobColumns, jobTableClass } from './job-row.tsx'
import { jobStates, openStates } from './job-state.tsx'
import { jobQuery, jobsQuery, parentsMissing } from './queries.ts'
import { jobKinds } from './search.ts'

export function JobsPage() {
  const identity = useIdentity()
  const mayRead = useScope('jobs:read')
  return (
    <Page title="Jobs" aside={<Filters />}>
      {identity === undefined && <Skeleton className="h-40 w-full" />}
      {identity !== undefined && !mayRead && (
        <Panel title="Whose jobs?">
          <p className="mb-4">Jobs are shown to whoever submitted them. Sign in, and yours are here.</p>
          <SignInWays onDone={() => undefined} />
        </Panel>
      )}
      {mayRead && <Jobs />}
    </Page>
  )
}

function Filters() {
  const { state, kind } = useSearch({ from: '/jobs' })
  const navigate = useNavigate({ from: '/jobs' })
  const set = (change: object) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true })
  return (
    <div className="flex flex-wrap gap-3">
      <Choice label="State" value={state} values={['open', ...jobStates]} onChange={(value) => set({ state: value })} />
      <Choice label="Kind" value={kind} values={jobKinds} onChange={(value) => set({ kind: value })} />
    </div>
  )
}

interface ChoiceProps {
  label: string
  value: string | undefined
  values: readonly string[]
  onChange: (value: string | undefined) => void
}

function Choice({ label, value, values, onChange }: ChoiceProps) {
  const id = useId()
  return (
    <span className="flex items-center gap-2">
      <label htmlFor={id} className="text-muted">
        {label}
      </label>
      <select
        id={id}
        className={inputClass}
        value={value ?? ''}
        onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value)}
      >
        <option value="">all</option>
        {values.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
    </span>
  )
}

function statesOf(state: JobState | 'open' | undefined): readonly JobState[] | undefined {
  if (state === undefined) return undefined
  return state === 'open' ? openStates : [state]
}

function Jobs() {
  const { state, kind } = useSearch({ from: '/jobs' })
  const states = statesOf(state)
  const filter = { ...(states === undefined ? {} : { state: states }), ...(kind === undefined ? {} : { kind }) }
  const { data, error, refetch, dataUpdatedAt, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    jobsQuery(filter),
  )
  const { isConnected } = useLive()
  const isOld = useIsStale(dataUpdatedAt) && !isConnected
  const jobs = data?.pages.flatMap((page) => page.jobs) ?? []
  const parents = useQueries({ queries: parentsMissing(jobs).map(jobQuery) }).flatMap((each) => each.data ?? [])
  if (error !== null && data === undefined) return <ErrorNotice error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton className="h-60 w-full" />
  if (jobs.length === 0) return <NoJobs isFiltered={state !== undefined || kind !== undefined} />
  return (
    <Panel
      title="Yours, newest first"
      aside={
        <span
          className="text-[13px] text-muted"
          title="Each change of a job is told to this page, which then reads the list anew."
        >
          {formatCount(jobs.length)}
          {hasNextPage ? ' shown, there are older ones' : ''} ·{' '}
          {isConnected ? 'live' : <Age atMs={dataUpdatedAt} prefix="as of " />}
        </span>
      }
    >
      <div className={`${jobTableClass} ${isOld ? 'text-stale' : ''}`}>
        <Table label="Jobs" head={jobColumns}>
          {groupJobs(jobs, parents).map((group) => (
            <Group key={group.jobId} group={group} />
          ))}
        </Table>
      </div>
      {hasNextPage && (
        <Button className="mt-2" isBusy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show older
        </Button>
      )}
    </Panel>
  )
}

/** Children shown before somebody asks for all of them, on the page of their parent. */
const childrenShownMax = 20

function Group({ group: { jobId, job, children } }: { group: JobGroup }) {
  const [isOpen, setOpen] = useState(false)
  if (children.length === 0 && job !== undefined) return <JobRow job={job} />
  const ended = children.filter(({ finishedAtMs }) => finishedAtMs !== undefined).length
  const opener = (
    <button
      type="button"
      aria-expanded={isOpen}
      onClick={() => setOpen(!isOpen)}
      className="mr-2 rounded border border-line-strong px-1.5 text-[13px] hover:bg-raised"
    >
      <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> {children.length}
      <span className="sr-only"> jobs of it, {ended} ended</span>
    </button>
  )
  return (
    <Fragment>
      {job === undefined ? (
        <tr>
          <td>…</td>
          <td colSpan={jobColumns.length - 1}>{opener}</td>
        </tr>
      ) : (
        <JobRow job={job} lead={opener} />
      )}
      {isOpen &&
        children.slice(0, childrenShownMax).map((child) => (
          <JobRow
            key={child.jobId}
            job={child}
            lead={
              <span aria-hidden="true" className="mr-2 ml-3 text-muted">
                └
              </span>
            }
          />
        ))}
      {isOpen && children.length > childrenShownMax && (
        <tr>
          <td colSpan={jobColumns.length}>
            <Link to="/jobs/$jobId" params={{ jobId }} className="text-accent underline">
              all {children.length} and older ones on its own page
            </Link>
          </td>
        </tr>
      )}
    </Fragment>
  )
}

function NoJobs({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered)
    return (
      <EmptyNotice title="None of your jobs is like that.">
        <Link to="/jobs" className="text-accent underline">
          Show all
        </Link>
      </EmptyNotice>
    )
  return (
    <EmptyNotice title="You have no jobs yet.">
      <Link to="/play" className="text-accent underline">
        Ask a model something
      </Link>
      , or submit one: <code className="font-mono">hart jobs submit --model NAME --prompt TEXT</code>
    </EmptyNotice>
  )
}
