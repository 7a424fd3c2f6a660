import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { Field } from '../components/field.tsx'
import type { GraphProblem } from './check.ts'
import { PathField } from './path-field.tsx'
import { ModelField } from './prompt-fields.tsx'
import { TemplateField } from './template-field.tsx'

interface WorkflowFieldsProps {
  graph: WorkflowGraph
  problem: GraphProblem | undefined
  /** `field` joins what is typed into one change of the way back. */
  onEdit: (graph: WorkflowGraph, field?: string) => void
}

/** Of the workflow: what is not of one step. */
export function WorkflowFields({ graph, problem, onEdit }: WorkflowFieldsProps) {
  const at = (field: string) => (problem?.step === undefined && problem?.field === field ? problem.message : undefined)
  const set = (field: 'name' | 'description' | 'model' | 'output', value: string | undefined) => {
    const { [field]: _, ...rest } = graph
    onEdit((value === undefined ? rest : { ...graph, [field]: value }) as WorkflowGraph, field)
  }
  return (
    <div className="grid gap-3">
      <Field
        label="Name"
        value={graph.name}
        hint="It is saved under this name; yours stands before a shipped one."
        problem={at('name')}
        onChange={({ target }) => set('name', target.value)}
      />
      <ModelField
        value={graph.model}
        placeholder="each step names its own"
        hint="For steps that name none: a model, or {{input.model}}."
        problem={at('model')}
        onChange={(model) => set('model', model)}
      />
      <PathField
        label="Output (optional)"
        value={graph.output ?? ''}
        offers={graph.steps.map(({ id, type }) => ({ path: id, says: type }))}
        hint="The step whose value the run gives; the last one unless given."
        problem={at('output')}
        onChange={(path) => set('output', path === '' ? undefined : path)}
      />
      <TemplateField
        label="Description (optional)"
        rows={4}
        value={graph.description ?? ''}
        offers={[]}
        problem={at('description')}
        onChange={(text) => set('description', text === '' ? undefined : text)}
      />
    </div>
  )
}
