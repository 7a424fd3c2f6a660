import { ArrowDown, ArrowUp, Trash2, TriangleAlert } from 'lucide-react'
import type { ComponentType } from 'react'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import type { GraphProblem } from './check.ts'
import { moveStep, removeStep } from './edit.ts'
import type { Run } from './run.ts'
import { iconOf } from './step-kinds.ts'
import { StepMark } from './step-mark.tsx'

interface StepListProps {
  graph: WorkflowGraph
  run: Run | undefined
  problem: GraphProblem | undefined
  selected: string | undefined
  onSelect: (id: string | undefined) => void
  onEdit: (graph: WorkflowGraph) => void
}

/** The steps as they are written: the canvas for whoever does not see it, or has no mouse. */
export function StepList({ graph, run, problem, selected, onSelect, onEdit }: StepListProps) {
  if (graph.steps.length === 0) return <p className="text-muted">No step yet. Add one above.</p>
  return (
    <ol className="-mx-1 grid grid-cols-[minmax(0,1fr)] gap-0.5">
      {graph.steps.map(({ id, type }, at) => {
        const Icon = iconOf[type]
        const stepRun = run?.steps.get(id)
        return (
          <li
            key={id}
            className={`flex items-center gap-0.5 rounded-md pl-1 ${id === selected ? 'bg-accent-soft' : 'hover:bg-raised'}`}
          >
            <button
              type="button"
              aria-pressed={id === selected}
              onClick={() => onSelect(id)}
              className="flex min-h-8 min-w-0 flex-1 items-center gap-1.5 text-left"
            >
              <Icon className="size-4 shrink-0 text-muted" aria-hidden="true" />
              <span className="min-w-0">
                <span className="block truncate font-medium" title={id}>
                  {id}
                </span>
                {stepRun !== undefined && (
                  <span className="block text-[12px]">
                    <StepMark run={stepRun} />
                  </span>
                )}
              </span>
              {problem?.step === id && (
                <TriangleAlert className="size-4 shrink-0 text-danger" aria-label="has a mistake" />
              )}
            </button>
            <Act
              icon={ArrowUp}
              label={`move ${id} up`}
              isOff={at === 0}
              onAct={() => onEdit(moveStep(graph, id, -1))}
            />
            <Act
              icon={ArrowDown}
              label={`move ${id} down`}
              isOff={at === graph.steps.length - 1}
              onAct={() => onEdit(moveStep(graph, id, 1))}
            />
            <Act icon={Trash2} label={`delete ${id}`} isOff={false} onAct={() => onEdit(removeStep(graph, id))} />
          </li>
        )
      })}
    </ol>
  )
}

interface ActProps {
  icon: ComponentType<{ className: string }>
  label: string
  isOff: boolean
  onAct: () => void
}

/** It stays where it is when it can do nothing: the focus of who moves a step by keys stays with it. */
function Act({ icon: Icon, label, isOff, onAct }: ActProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      aria-disabled={isOff}
      onClick={() => !isOff && onAct()}
      className="grid size-7 shrink-0 place-items-center rounded text-muted hover:text-ink aria-disabled:opacity-35"
    >
      <Icon className="size-3.5" />
    </button>
  )
}
