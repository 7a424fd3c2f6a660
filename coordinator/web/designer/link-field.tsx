import { X } from 'lucide-react'
import { useId, useState } from 'react'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { inputClass } from '../components/field.tsx'
import { addLink, type DrawnLink, linkProblem, removeLink } from './edit.ts'

interface LinkFieldProps {
  label: string
  graph: WorkflowGraph
  /** Steps at the other ends. */
  ids: readonly string[]
  linkTo: (other: string) => DrawnLink
  self: string
  onEdit: (graph: WorkflowGraph) => void
}

/** Edges of one step as a list: what the canvas does by drawing. */
export function LinkField({ label, graph, ids, linkTo, self, onEdit }: LinkFieldProps) {
  const id = useId()
  const [problem, setProblem] = useState<string>()
  const others = graph.steps.map((step) => step.id).filter((other) => other !== self && !ids.includes(other))
  const add = (other: string) => {
    const refused = linkProblem(graph, linkTo(other))
    setProblem(refused === undefined ? undefined : `${other}: ${refused}`)
    if (refused === undefined) onEdit(addLink(graph, linkTo(other)))
  }
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      {ids.length > 0 && (
        <ul aria-label={label} className="mb-1 flex flex-wrap gap-1">
          {ids.map((other) => (
            <li
              key={other}
              className="flex items-center gap-1 rounded-md border border-line bg-raised pl-2 text-[13px]"
            >
              {other}
              <button
                type="button"
                aria-label={`remove ${other} from ${label}`}
                onClick={() => {
                  setProblem(undefined)
                  onEdit(removeLink(graph, linkTo(other)))
                }}
                className="grid size-7 place-items-center rounded text-muted hover:text-ink"
              >
                <X className="size-3.5" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <select
        id={id}
        value=""
        disabled={others.length === 0}
        aria-describedby={`${id}-problem`}
        onChange={(event) => add(event.target.value)}
        className={inputClass}
      >
        <option value="">{others.length === 0 ? 'there is no other step' : 'add a step'}</option>
        {others.map((other) => (
          <option key={other}>{other}</option>
        ))}
      </select>
      <p id={`${id}-problem`} role="status" className="mt-1 text-[13px] text-danger">
        {problem}
      </p>
    </div>
  )
}
