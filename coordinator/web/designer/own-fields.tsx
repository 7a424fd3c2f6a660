import { useId } from 'react'
import type { ToolView } from '#protocol/api/routes/workflows.ts'
import type { WorkflowGraph, WorkflowStep } from '#protocol/api/workflow.ts'
import { Field } from '../components/field.tsx'
import { ConditionFields } from './condition-fields.tsx'
import { replaceStep } from './edit.ts'
import type { Offer } from './offer.ts'
import { PathField } from './path-field.tsx'
import { PromptFields } from './prompt-fields.tsx'
import { TemplateField } from './template-field.tsx'
import { ToolFields } from './tool-fields.tsx'

interface OwnFieldsProps {
  graph: WorkflowGraph
  step: WorkflowStep
  tools: readonly ToolView[] | undefined
  offers: readonly Offer[]
  problemAt: (field: string) => string | undefined
  onEdit: (graph: WorkflowGraph, field: string) => void
}

/** The fields that its type has. */
export function OwnFields({ graph, step, tools, offers, problemAt, onEdit }: OwnFieldsProps) {
  const put = (next: object, field: string) =>
    onEdit(replaceStep(graph, step.id, withoutNothing(next) as WorkflowStep), `${step.id} ${field}`)
  const path = (field: 'over' | 'value', label: string, text: string, hint: string) => (
    <PathField
      label={label}
      value={text}
      offers={offers}
      hint={hint}
      problem={problemAt(field)}
      onChange={(value) => put({ ...step, [field]: value }, field)}
    />
  )
  switch (step.type) {
    case 'prompt':
      return (
        <PromptFields
          prompt={step}
          fallback={graph.model}
          offers={offers}
          problemAt={problemAt}
          onChange={(field, value) => put({ ...step, [field]: value }, field)}
        />
      )
    case 'tool':
      return (
        <ToolFields
          {...step}
          tools={tools}
          offers={offers}
          problemAt={problemAt}
          onChange={(part, field) => put({ ...step, ...part }, field)}
        />
      )
    case 'query':
      return (
        <TemplateField
          label="Query"
          value={step.text}
          offers={offers}
          hint="As on the page Query: kind:attention model:{{input.model}}"
          problem={problemAt('text')}
          onChange={(text) => put({ ...step, text }, 'text')}
        />
      )
    case 'map':
      return (
        <>
          {path('over', 'Over', step.over, 'The list, as a path without braces.')}
          <MapFields graph={graph} step={step} tools={tools} offers={offers} problemAt={problemAt} onPut={put} />
        </>
      )
    case 'reduce':
      return (
        <>
          {path('over', 'Over', step.over, 'The list, as a path without braces. {{item}} is a few of its texts.')}
          <CountField
            label="Texts at once"
            value={step.fanIn}
            placeholder="4"
            problem={problemAt('fanIn')}
            onChange={(fanIn) => put({ ...step, fanIn }, 'fanIn')}
          />
          <PromptFields
            prompt={step}
            fallback={graph.model}
            offers={[itemOffer, ...offers]}
            problemAt={problemAt}
            onChange={(field, value) => put({ ...step, [field]: value }, field)}
          />
        </>
      )
    case 'condition':
      return (
        <>
          {path('value', 'Value', step.value, 'What is tested, as a path without braces.')}
          <ConditionFields key={step.id} condition={step} problemAt={problemAt} onChange={put} />
        </>
      )
    case 'approval':
      return (
        <TemplateField
          label="Question"
          rows={4}
          value={step.question}
          offers={offers}
          problem={problemAt('question')}
          onChange={(question) => put({ ...step, question }, 'question')}
        />
      )
  }
}

const itemOffer: Offer = { path: 'item', says: 'the item' }
const indexOffer: Offer = { path: 'index', says: 'its place, from 0' }

interface MapFieldsProps {
  graph: WorkflowGraph
  step: Extract<WorkflowStep, { type: 'map' }>
  tools: readonly ToolView[] | undefined
  offers: readonly Offer[]
  problemAt: (field: string) => string | undefined
  onPut: (step: object, field: string) => void
}

/** What is done for each item. */
function MapFields({ graph, step, tools, offers, problemAt, onPut }: MapFieldsProps) {
  const id = useId()
  const inner = step.step
  const within = [itemOffer, indexOffer, ...offers]
  const innerProblem = (field: string) => problemAt(`step.${field}`)
  const types = { prompt: 'asks a model', tool: 'calls a tool' } as const
  return (
    <>
      <CountField
        label="Items at once"
        value={step.parallel}
        placeholder="4"
        problem={problemAt('parallel')}
        onChange={(parallel) => onPut({ ...step, parallel }, 'parallel')}
      />
      <fieldset className="flex gap-4">
        <legend className="mb-1 font-medium">For each item</legend>
        {(['prompt', 'tool'] as const).map((type) => (
          <label key={type} className="flex min-h-7 items-center gap-1.5">
            <input
              type="radio"
              name={id}
              checked={inner.type === type}
              onChange={() =>
                onPut(
                  { ...step, step: type === 'prompt' ? { type, prompt: '{{item}}' } : { type, tool: 'now', args: {} } },
                  'step',
                )
              }
            />
            {types[type]}
          </label>
        ))}
      </fieldset>
      {inner.type === 'prompt' ? (
        <PromptFields
          prompt={inner}
          fallback={graph.model}
          offers={within}
          problemAt={innerProblem}
          onChange={(field, value) => onPut({ ...step, step: withoutNothing({ ...inner, [field]: value }) }, field)}
        />
      ) : (
        <ToolFields
          {...inner}
          tools={tools}
          offers={within}
          problemAt={innerProblem}
          onChange={(part, field) => onPut({ ...step, step: { ...inner, ...part } }, field)}
        />
      )}
    </>
  )
}

interface CountFieldProps {
  label: string
  value: number | undefined
  placeholder: string
  problem: string | undefined
  onChange: (count: number | undefined) => void
}

function CountField({ label, value, placeholder, problem, onChange }: CountFieldProps) {
  return (
    <Field
      label={`${label} (optional)`}
      type="number"
      value={value ?? ''}
      placeholder={placeholder}
      problem={problem}
      onChange={({ target }) => onChange(target.value === '' ? undefined : Number(target.value))}
    />
  )
}

/** What was taken away is no key with nothing in it: the graph is to be the same when it is read back. */
function withoutNothing(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined))
}
