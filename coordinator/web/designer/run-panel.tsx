import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { useState } from 'react'
import { isFinalJobState } from '#protocol/api/jobs.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { client } from '../app/client.ts'
import { modelsQuery } from '../app/queries.ts'
import { useScope } from '../app/session.ts'
import { Button } from '../components/button.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Approval } from './approval.tsx'
import type { GraphProblem } from './check.ts'
import type { Run, RunEnd } from './run.ts'
import { type InputDraft, inputKeys, inputOf, RunInput } from './run-input.tsx'
import { ValueText } from './value-text.tsx'

interface RunPanelProps {
  graph: WorkflowGraph
  problem: GraphProblem | undefined
  run: Run | undefined
  end: RunEnd | undefined
  /** The graph was changed since the run began. */
  isOutdated: boolean
  onStarted: (jobId: string) => void
}

/** Runs the graph as it stands, saved or not, and shows what becomes of it. */
export function RunPanel({ graph, problem, run, end, isOutdated, onStarted }: RunPanelProps) {
  const mayRun = useScope('jobs:write')
  const [typed, setTyped] = useState<InputDraft>({ texts: {}, json: undefined })
  const [model] = useQuery(modelsQuery).data ?? []
  // A run that needs nothing but a model can begin at once.
  const draft = model === undefined ? typed : { ...typed, texts: { model: model.name, ...typed.texts } }
  const keys = inputKeys(graph)
  const input = inputOf(draft, keys)
  const start = useMutation({
    mutationFn: async (value: unknown) =>
      client.call('submitJob', { body: { work: { kind: 'workflow', workflow: graph, input: value as never } } }),
    onSuccess: ({ jobId }) => onStarted(jobId),
  })
  const obstacle = !mayRun
    ? 'Running takes the right jobs:write: sign in above.'
    : graph.steps.length === 0
      ? 'Add a step first.'
      : problem !== undefined
        ? 'The graph has a mistake: mend it first.'
        : 'problem' in input
          ? input.problem
          : undefined
  return (
    <Panel title="Run">
      <div className="grid gap-4 md:grid-cols-[minmax(0,20rem)_minmax(0,1fr)]">
        <form
          className="grid content-start gap-3"
          onSubmit={(event) => {
            event.preventDefault()
            if ('value' in input) start.mutate(input.value)
          }}
        >
          <RunInput draft={draft} keys={keys} onChange={setTyped} />
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <Button type="submit" tone="primary" isBusy={start.isPending} disabled={obstacle !== undefined}>
              <Play className="size-4" aria-hidden="true" /> Run
            </Button>
            {obstacle !== undefined && <span className="text-[13px] text-muted">{obstacle}</span>}
          </div>
          {start.error !== null && <ErrorNotice error={start.error} />}
        </form>
        {run === undefined ? (
          <div className="self-center">
            <EmptyNotice title="Nothing has run yet">What each step gives appears on it as it happens.</EmptyNotice>
          </div>
        ) : (
          <RunState run={run} end={end} isOutdated={isOutdated} />
        )}
      </div>
    </Panel>
  )
}

function RunState({ run, end, isOutdated }: { run: Run; end: RunEnd | undefined; isOutdated: boolean }) {
  const { jobId, state, reason, steps, isConnected, problem } = run
  const mayCancel = useScope('jobs:write')
  const cancel = useMutation({ mutationFn: () => client.call('cancelJob', { params: { jobId } }) })
  const isOpen = state !== undefined && !isFinalJobState(state)
  const waiting = [...steps].filter(([, { status }]) => status === 'waiting')
  return (
    <div className="grid content-start gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <p role="status" className="min-w-0">
          <span className="font-medium">{state ?? 'asked for'}</span>{' '}
          <span className="break-words text-muted">{waiting.length > 0 ? '' : reason}</span>
        </p>
        <Link to="/jobs/$jobId" params={{ jobId }} className="text-accent underline">
          its job, with nodes and receipts
        </Link>
        {isOpen && mayCancel && (
          <Button isBusy={cancel.isPending} disabled={cancel.isSuccess} onClick={() => cancel.mutate()}>
            Cancel
          </Button>
        )}
      </div>
      {isOutdated && (
        <p className="text-[13px] text-muted">
          The graph was changed since: what stands on the steps is of the one that ran.
        </p>
      )}
      {!isConnected && isOpen && (
        <p className="text-[13px] text-warn">The coordinator does not answer: this is as it was then.</p>
      )}
      {cancel.error !== null && <ErrorNotice error={cancel.error} />}
      {problem !== undefined && <ErrorNotice error={problem} />}
      {waiting.map(([step, { detail }]) => (
        <Approval key={step} jobId={jobId} step={step} question={detail ?? ''} />
      ))}
      {end?.problem !== undefined && <ErrorNotice error={end.problem} />}
      {end !== undefined && 'output' in end && (
        <div className="grid gap-1">
          <h3 className="font-medium">Output</h3>
          <ValueText value={end.output} label="Output" />
        </div>
      )}
    </div>
  )
}
