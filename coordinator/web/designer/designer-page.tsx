import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useRef, useState } from 'react'
import type { WorkflowView } from '#protocol/api/routes/workflows.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { useIdentity, useScope } from '../app/session.ts'
import { SignInWays } from '../app/sign-in.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { Canvas, Legend } from './canvas.tsx'
import { type GraphProblem, problemOf } from './check.ts'
import { useDraft } from './draft.ts'
import { addStep, blankGraph, isFull, type StepType } from './edit.ts'
import { toolsQuery } from './library.ts'
import { useOpened } from './opened.ts'
import { Palette } from './palette.tsx'
import { useRun, useRunEnd } from './run.ts'
import { RunPanel } from './run-panel.tsx'
import { StepFields } from './step-fields.tsx'
import { StepList } from './step-list.tsx'
import { StepRunView } from './step-run.tsx'
import { Toolbar } from './toolbar.tsx'
import { LeaveDialog } from './unsaved.tsx'
import { WorkflowFields } from './workflow-fields.tsx'
import { WorkflowList } from './workflow-list.tsx'

/** Draws a workflow, checks it while it is drawn, saves it, and runs it with its values on the steps. */
export function DesignerPage() {
  const { name, step: selected, job } = useSearch({ from: '/designer' })
  const navigate = useNavigate({ from: '/designer' })
  const mayRead = useScope('jobs:read')
  const draft = useDraft(blankGraph)
  const { graph } = draft
  const opened = useOpened(name, draft)
  const [refused, setRefused] = useState<string>()
  const [ran, setRan] = useState<{ jobId: string; graph: WorkflowGraph }>()
  const { data: tools } = useQuery({ ...toolsQuery, enabled: mayRead })
  const toolNames = useMemo(() => tools && new Set(tools.map((tool) => tool.name)), [tools])
  const problem = useMemo(() => problemOf(graph, toolNames), [graph, toolNames])
  const run = useRun(job)
  const end = useRunEnd(run)
  const isSaving = useRef(false)

  const look = (at: { name?: string; step?: string | undefined; job?: string }) =>
    navigate({ search: (now) => ({ ...now, ...at }), replace: true, resetScroll: false })
  const select = (id: string | undefined) => {
    setRefused(undefined)
    void look({ step: id })
  }
  const edit = (next: WorkflowGraph, field?: string) => {
    setRefused(undefined)
    draft.edit(next, field)
  }
  const add = (type: StepType) => {
    const from = graph.steps.some(({ id }) => id === selected) ? selected : undefined
    const { graph: next, id } = addStep(graph, type, from)
    edit(next)
    select(id)
  }
  const onSaved = (saved: WorkflowView) => {
    opened.keep(saved)
    isSaving.current = true
    void look({ name: saved.name }).finally(() => {
      isSaving.current = false
    })
  }
  const step = graph.steps.find(({ id }) => id === selected)
  const shared = { graph, run, problem, onSelect: select, onEdit: edit }
  return (
    <Page
      title="Designer"
      aside={
        <Toolbar
          draft={draft}
          opened={opened.view}
          isDirty={opened.isDirty}
          problem={problem}
          onNew={() => (name === undefined ? edit(blankGraph) : void navigate({ search: {} }))}
          onSaved={onSaved}
          onImported={(imported) => {
            edit(imported)
            select(undefined)
          }}
        />
      }
    >
      <AccessNotice />
      {opened.error !== null && <ErrorNotice error={opened.error} onRetry={opened.retry} />}
      <Findings problem={graph.steps.length === 0 ? undefined : problem} refused={refused} onSelect={select} />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-3 lg:grid-cols-[17rem_minmax(0,1fr)_22rem] lg:grid-rows-[auto_1fr]">
        <div className="grid gap-3 lg:col-start-2 lg:row-start-1">
          <section
            aria-label="Canvas"
            className="relative h-[26rem] overflow-hidden rounded-lg border border-line lg:h-[max(26rem,calc(100dvh-26rem))]"
          >
            <Canvas {...shared} viewKey={opened.view?.version ?? ''} selected={selected} onRefused={setRefused} />
            {graph.steps.length === 0 && !opened.isOpening && <Beginning mayRead={mayRead} />}
          </section>
          <Legend />
        </div>
        <div className="grid grid-cols-[minmax(0,1fr)] gap-3 lg:col-start-1 lg:row-span-2 lg:row-start-1">
          <Panel title="Add a step">
            <p className="mb-2 text-[13px] text-muted">
              {step === undefined
                ? 'Select a step, and the next one takes its value.'
                : `The next one takes the value of ${step.id}.`}
            </p>
            <Palette isFull={isFull(graph)} onAdd={add} />
          </Panel>
          <Panel title="Steps" aside={<span className="text-muted">{graph.steps.length}</span>}>
            <StepList {...shared} selected={selected} />
          </Panel>
        </div>
        <Panel
          title={step === undefined ? 'Workflow' : `Step ${step.id}`}
          className="lg:col-start-3 lg:row-span-2 lg:row-start-1"
        >
          {step === undefined ? (
            <WorkflowFields graph={graph} problem={problem} onEdit={edit} />
          ) : (
            <>
              <StepRunView step={step} run={run} />
              <StepFields {...shared} tools={tools} step={step} />
            </>
          )}
        </Panel>
        <div className="lg:col-start-2 lg:row-start-2">
          <RunPanel
            graph={graph}
            problem={problem}
            run={run}
            end={end}
            isOutdated={ran !== undefined && ran.jobId === job && ran.graph !== graph}
            onStarted={(jobId) => {
              setRan({ jobId, graph })
              void look({ job: jobId })
            }}
          />
        </div>
      </div>
      <LeaveDialog isDirty={opened.isDirty} isLosing={() => opened.isDirty && !isSaving.current} />
    </Page>
  )
}

/** What whoever looks may not do here, and how they may. */
function AccessNotice() {
  const identity = useIdentity()
  if (identity === undefined || identity.scopes.includes('jobs:write')) return null
  const mayRead = identity.scopes.includes('jobs:read')
  return (
    <details className="rounded-lg border border-line bg-panel px-3 py-2">
      <summary>
        <span className="font-medium">
          {mayRead ? 'You may read workflows, not save or run them.' : 'You may draw here, not open, save or run.'}
        </span>{' '}
        <span className="text-muted">
          {mayRead
            ? 'That takes the right jobs:write.'
            : 'Workflows are listed for those with the right jobs:read; a visitor has network:read. Import and export work.'}{' '}
          <span className="text-accent underline">Sign in</span>
        </span>
      </summary>
      <div className="mt-3 max-w-xl">
        <SignInWays onDone={() => undefined} />
      </div>
    </details>
  )
}

interface FindingsProps {
  problem: GraphProblem | undefined
  refused: string | undefined
  onSelect: (id: string) => void
}

/** What is wrong with the graph, in the words in which the coordinator would refuse it. */
function Findings({ problem, refused, onSelect }: FindingsProps) {
  return (
    <div role="status" className="grid gap-2 empty:hidden">
      {refused !== undefined && (
        <p className="rounded-md border border-danger bg-danger-soft px-3 py-1.5 break-words">
          Not connected: {refused}
        </p>
      )}
      {problem !== undefined && (
        <p className="flex flex-wrap items-baseline gap-x-3 rounded-md border border-warn bg-warn-soft px-3 py-1.5">
          <span className="min-w-0 break-words">{problem.message}</span>
          {problem.step !== undefined && (
            <button type="button" className="text-accent underline" onClick={() => onSelect(problem.step!)}>
              show {problem.step}
            </button>
          )}
        </p>
      )}
    </div>
  )
}

/** Over the canvas while there is nothing on it. */
function Beginning({ mayRead }: { mayRead: boolean }) {
  return (
    <div className="absolute inset-0 grid place-items-center overflow-y-auto bg-page">
      <div className="max-w-xl">
        <EmptyNotice title="An empty graph">
          <p>Add a step from the palette{mayRead ? ', or open one of these:' : '.'}</p>
          {mayRead && (
            <div className="mt-3">
              <WorkflowList />
            </div>
          )}
        </EmptyNotice>
      </div>
    </div>
  )
}
