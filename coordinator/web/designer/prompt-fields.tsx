import { useQuery } from '@tanstack/react-query'
import { useId } from 'react'
import { modelsQuery } from '../app/queries.ts'
import { Field } from '../components/field.tsx'
import type { Offer } from './offer.ts'
import { TemplateField } from './template-field.tsx'

interface Prompt {
  model?: string | undefined
  system?: string | undefined
  prompt: string
  temperature?: number | undefined
  maxTokens?: number | undefined
  seed?: number | undefined
}

interface PromptFieldsProps {
  prompt: Prompt
  /** What stands for the model where the step names none. */
  fallback: string | undefined
  offers: readonly Offer[]
  problemAt: (field: string) => string | undefined
  /** A field of it; undefined takes it away. */
  onChange: (field: keyof Prompt, value: string | number | undefined) => void
}

/** What prompts have in common, alone, in a map, or in a reduce. */
export function PromptFields({ prompt, fallback, offers, problemAt, onChange }: PromptFieldsProps) {
  const number = (field: 'temperature' | 'maxTokens' | 'seed', label: string, step: string, placeholder: string) => (
    <Field
      label={label}
      type="number"
      step={step}
      placeholder={placeholder}
      value={prompt[field] ?? ''}
      problem={problemAt(field)}
      onChange={({ target }) => onChange(field, target.value === '' ? undefined : Number(target.value))}
    />
  )
  return (
    <>
      <TemplateField
        label="Prompt"
        rows={5}
        value={prompt.prompt}
        offers={offers}
        problem={problemAt('prompt')}
        onChange={(text) => onChange('prompt', text)}
      />
      <TemplateField
        label="System (optional)"
        rows={2}
        value={prompt.system ?? ''}
        offers={offers}
        hint="Who the model is; said before the prompt."
        problem={problemAt('system')}
        onChange={(text) => onChange('system', text === '' ? undefined : text)}
      />
      <ModelField
        value={prompt.model}
        placeholder={fallback ?? 'none is named'}
        hint="Unless given, the workflow's."
        problem={problemAt('model')}
        onChange={(model) => onChange('model', model)}
      />
      <div className="grid grid-cols-3 gap-2">
        {number('temperature', 'Temperature', '0.1', '1')}
        {number('maxTokens', 'Tokens', '1', 'at most')}
        {number('seed', 'Seed', '1', 'any')}
      </div>
    </>
  )
}

interface ModelFieldProps {
  value: string | undefined
  placeholder: string
  hint: string
  problem: string | undefined
  onChange: (model: string | undefined) => void
}

/** The name of a model that the swarm has, or a template. */
export function ModelField({ value, placeholder, hint, problem, onChange }: ModelFieldProps) {
  const id = useId()
  const { data = [] } = useQuery(modelsQuery)
  return (
    <>
      <Field
        label="Model"
        list={id}
        autoComplete="off"
        spellCheck={false}
        value={value ?? ''}
        placeholder={placeholder}
        hint={hint}
        problem={problem}
        onChange={({ target }) => onChange(target.value === '' ? undefined : target.value)}
      />
      <datalist id={id}>
        {data.map(({ modelId, name }) => (
          <option key={modelId} value={name} />
        ))}
      </datalist>
    </>
  )
}
