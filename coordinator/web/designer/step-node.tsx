import { Handle, type Node, type NodeProps, Position } from '@xyflow/react'
import { TriangleAlert } from 'lucide-react'
import type { WorkflowStep } from '#protocol/api/workflow.ts'
import { stepHeight, stepWidth } from './layout.ts'
import type { StepRun } from './run.ts'
import { iconOf, summaryOf } from './step-kinds.ts'
import { StepMark } from './step-mark.tsx'
import { textOf } from './value-text.tsx'

export type StepNodeData = {
  step: WorkflowStep
  run: StepRun | undefined
  hasProblem: boolean
  isOutput: boolean
}

/** A step on the canvas: what it is, what it works on, and how it stands in the run that is shown. */
export function StepNode({ data, selected }: NodeProps<Node<StepNodeData>>) {
  const { step, run, hasProblem, isOutput } = data
  const Icon = iconOf[step.type]
  const border = hasProblem ? 'border-danger' : selected ? 'border-accent ring-2 ring-accent' : 'border-line-strong'
  return (
    <div
      style={{ width: stepWidth, height: stepHeight }}
      className={`grid content-start gap-0.5 rounded-lg border bg-panel px-3 py-2 text-left ${border}`}
    >
      <Handle type="target" position={Position.Left} id="in" />
      <span className="flex items-center gap-1.5">
        <Icon className="size-4 shrink-0 text-muted" aria-hidden="true" />
        <span className="truncate font-semibold" title={step.id}>
          {step.id}
        </span>
        {hasProblem && <TriangleAlert className="size-4 shrink-0 text-danger" aria-label="has a mistake" />}
        <span className="ml-auto text-[12px] text-muted">{isOutput ? `${step.type} · output` : step.type}</span>
      </span>
      <span className="truncate text-[13px] text-muted">{summaryOf(step).replace(/\s+/g, ' ')}</span>
      <span className="flex min-w-0 items-baseline gap-2 text-[13px]">
        {run !== undefined && <StepMark run={run} />}
        {run?.value !== undefined && (
          <span className="truncate" title={textOf(run.value).slice(0, 1000)}>
            {preview(run.value)}
          </span>
        )}
      </span>
      {step.type === 'condition' ? (
        <>
          <Branch kind="true" top="25%" />
          <Branch kind="false" top="78%" />
        </>
      ) : null}
      <Handle type="source" position={Position.Right} id="after" />
    </div>
  )
}

/** Of a condition: steps drawn from here run only if it comes out so. */
function Branch({ kind, top }: { kind: 'true' | 'false'; top: string }) {
  return <Handle type="source" position={Position.Right} id={kind} style={{ top }} title={`when ${kind}`} />
}

function preview(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.slice(0, 80).replace(/\s+/g, ' ')
}
