import { Copy, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { ToolView } from '#protocol/api/routes/workflows.ts'
import type { WorkflowGraph, WorkflowStep } from '#protocol/api/workflow.ts'
import { Button } from '../components/button.tsx'
import { Field } from '../components/field.tsx'
import type { GraphProblem } from './check.ts'
import { type DrawnLink, duplicateStep, isFull, removeStep, renameStep } from './edit.ts'
import { LinkField } from './link-field.tsx'
import { linksOf } from './links.ts'
import { offersFor } from './offer.ts'
import { OwnFields } from './own-fields.tsx'
import type { Run } from './run.ts'
import { stepKinds } from './step-kinds.ts'

interface StepFieldsProps {
  graph: WorkflowGraph
  step: WorkflowStep
  tools: readonly ToolView[] | undefined
  run: Run | undefined
  problem: GraphProblem | undefined
  /** `field` joins what is typed into one change of the way back. */
  onEdit: (graph: WorkflowGraph, field?: string) => void
  onSelect: (id: string | undefined) => void
}

/** Of a step: its name, its fields, and its edges. */
export function StepFields(props: StepFieldsProps) {
  const { graph, step, tools, run, problem, onEdit, onSelect } = props
  const does = stepKinds.find(({ type }) => type === step.type)!.does
  const offers = offersFor(graph, step.id, run)
  const at = (field: string) => (problem?.step === step.id && problem.field === field ? problem.message : undefined)
  const takes = linksOf(graph).filter(({ to, kind }) => to === step.id && kind === 'value')
  const link = (kind: DrawnLink['kind']) => (other: string) =>
    kind === 'after' ? { from: other, to: step.id, kind } : { from: step.id, to: other, kind }
  const links = (label: string, kind: DrawnLink['kind'], ids: readonly string[]) => (
    <LinkField label={label} graph={graph} ids={ids} linkTo={link(kind)} self={step.id} onEdit={onEdit} />
  )
  return (
    <div className="grid gap-3">
      <p className="text-[13px] text-muted">
        <span className="font-medium text-ink">{step.type}</span> {does}
      </p>
      <NameField
        step={step}
        taken={graph.steps.map(({ id }) => id)}
        problem={at('id')}
        onRename={(id) => {
          onEdit(renameStep(graph, step.id, id))
          onSelect(id)
        }}
      />
      <OwnFields graph={graph} step={step} tools={tools} offers={offers} problemAt={at} onEdit={onEdit} />
      {step.type === 'condition' && links('Runs when true', 'true', step.whenTrue)}
      {step.type === 'condition' && links('Runs when false', 'false', step.whenFalse ?? [])}
      {links('Runs after', 'after', step.after ?? [])}
      {takes.length > 0 && (
        <p className="text-[13px] text-muted">
          Takes values of {takes.map(({ from }) => from).join(', ')}, and so waits for{' '}
          {takes.length === 1 ? 'it' : 'them'}.
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button
          disabled={isFull(graph)}
          onClick={() => {
            const { graph: next, id } = duplicateStep(graph, step.id)
            onEdit(next)
            onSelect(id)
          }}
        >
          <Copy className="size-4" aria-hidden="true" /> Duplicate
        </Button>
        <Button
          tone="danger"
          onClick={() => {
            onEdit(removeStep(graph, step.id))
            onSelect(undefined)
          }}
        >
          <Trash2 className="size-4" aria-hidden="true" /> Delete
        </Button>
      </div>
    </div>
  )
}

interface NameFieldProps {
  step: WorkflowStep
  taken: readonly string[]
  problem: string | undefined
  onRename: (id: string) => void
}

/** Taken over when it is left, or by Enter: until then it may be half a name. */
function NameField({ step, taken, problem, onRename }: NameFieldProps) {
  const [text, setText] = useState(step.id)
  const [known, setKnown] = useState(step.id)
  if (known !== step.id) {
    setKnown(step.id)
    setText(step.id)
  }
  const isTaken = text !== step.id && taken.includes(text)
  const isName = /^[a-z][a-z0-9_-]{0,47}$/.test(text)
  const wrong = isTaken
    ? `${text} is the id of another step`
    : isName
      ? undefined
      : 'lower case letters, digits, - and _'
  const commit = () => {
    if (wrong === undefined && text !== step.id) onRename(text)
  }
  return (
    <Field
      label="Id"
      value={text}
      spellCheck={false}
      autoComplete="off"
      problem={wrong ?? problem}
      onChange={({ target }) => setText(target.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  )
}
