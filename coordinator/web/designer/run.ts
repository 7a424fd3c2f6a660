/** A run of a workflow, as the events of its job tell it. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { isFinalJobState, type JobEvent, type JobState } from '#protocol/api/jobs.ts'
import { errorFromWire } from '#protocol/errors.ts'
import { client } from '../app/client.ts'

export type StepStatus = 'running' | 'waiting' | 'succeeded' | 'failed' | 'passed over' | 'stopped'

export interface StepRun {
  status: StepStatus
  /** By the clock of the coordinator. */
  startedAtMs?: number
  endedAtMs?: number
  /** A question that waits, a failure, or how many items. */
  detail?: string
  /** Absent where it is too long for an event. */
  value?: unknown
}

export interface Run {
  jobId: string
  state: JobState | undefined
  reason: string
  steps: ReadonlyMap<string, StepRun>
  isConnected: boolean
  /** Why it cannot be followed. */
  problem?: unknown
}

/** From its first event on; undefined without a job. */
export function useRun(jobId: string | undefined): Run | undefined {
  const [run, setRun] = useState<Run>()
  useEffect(() => {
    if (jobId === undefined) return
    const stop = new AbortController()
    const patch = (change: (run: Run) => Run) => {
      if (!stop.signal.aborted) setRun((now) => change(now?.jobId === jobId ? now : blankRun(jobId)))
    }
    setRun(blankRun(jobId))
    const follow = async () => {
      const onConnection = (isConnected: boolean) => patch((now) => ({ ...now, isConnected }))
      for await (const event of client.events(
        'jobEvents',
        { params: { jobId } },
        { signal: stop.signal, onConnection },
      ))
        patch((now) => applyEvent(now, event))
    }
    follow().catch((problem: unknown) => patch((now) => ({ ...now, problem })))
    return () => stop.abort()
  }, [jobId])
  return run !== undefined && run.jobId === jobId ? run : undefined
}

function blankRun(jobId: string): Run {
  return { jobId, state: undefined, reason: '', steps: new Map(), isConnected: true }
}

function applyEvent(run: Run, event: JobEvent): Run {
  if (event.type === 'state') {
    const { state, reason } = event
    const steps = isFinalJobState(state) ? stopped(run.steps, event.atMs) : run.steps
    return { ...run, state, reason, steps }
  }
  if (event.type !== 'step') return run
  const before = run.steps.get(event.step)
  return { ...run, steps: new Map(run.steps).set(event.step, stepAfter(before, event)) }
}

function stepAfter(before: StepRun | undefined, event: Extract<JobEvent, { type: 'step' }>): StepRun {
  const { atMs, detail, value } = event
  const began = { startedAtMs: before?.startedAtMs ?? atMs }
  const said = detail === undefined ? {} : { detail }
  switch (event.status) {
    case 'started':
      return { status: 'running', startedAtMs: atMs }
    case 'waiting':
      return { status: 'waiting', ...began, ...said }
    case 'failed':
      return { status: 'failed', ...began, endedAtMs: atMs, ...said }
    case 'succeeded':
      if (detail === 'passed over' && value === undefined) return { status: 'passed over' }
      return { status: 'succeeded', ...began, endedAtMs: atMs, ...said, ...(value === undefined ? {} : { value }) }
  }
}

/** What had begun when the job ended will not go on. */
function stopped(steps: ReadonlyMap<string, StepRun>, atMs: number): Map<string, StepRun> {
  return new Map(
    [...steps].map(([id, step]) => {
      const isOpen = step.status === 'running' || step.status === 'waiting'
      return [id, isOpen ? { ...step, status: 'stopped', endedAtMs: atMs } : step]
    }),
  )
}

export interface RunEnd {
  output?: unknown
  problem?: unknown
}

/** What it gave, or why it gave nothing; undefined until it has ended. */
export function useRunEnd(run: Run | undefined): RunEnd | undefined {
  const isEnded = run?.state !== undefined && isFinalJobState(run.state)
  const { data } = useQuery({
    queryKey: ['job-result', run?.jobId],
    enabled: isEnded,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }): Promise<RunEnd> => {
      const params = { jobId: run!.jobId }
      if (run!.state === 'succeeded') {
        const result = await client.call('jobResult', { params }, { signal })
        return { output: result.kind === 'workflow' ? result.output : result }
      }
      const { error } = await client.call('getJob', { params }, { signal })
      return error === undefined ? {} : { problem: errorFromWire(error) }
    },
  })
  return isEnded ? data : undefined
}
