import { useId, useState } from 'react'
import type { ToolView } from '#protocol/api/routes/workflows.ts'
import { Field, inputClass } from '../components/field.tsx'
import type { Offer } from './offer.ts'
import { SelectField } from './select-field.tsx'
import { TemplateField } from './template-field.tsx'

type Args = Record<string, unknown>

interface ToolFieldsProps {
  tool: string
  args: Args
  /** Undefined where they may not be read. */
  tools: readonly ToolView[] | undefined
  offers: readonly Offer[]
  problemAt: (field: string) => string | undefined
  onChange: (part: { tool: string; args: Args }, field: string) => void
}

/** A tool by its name, and a field for each of its arguments, as its schema has them. */
export function ToolFields({ tool, args, tools, offers, problemAt, onChange }: ToolFieldsProps) {
  const known = tools?.find(({ name }) => name === tool)
  const properties = Object.entries((known?.args['properties'] ?? {}) as Record<string, Schema>)
  const required = (known?.args['required'] ?? []) as string[]
  const problem = problemAt('tool')
  const setArg = (name: string, value: unknown) => {
    const { [name]: _, ...rest } = args
    onChange({ tool, args: value === undefined ? rest : { ...args, [name]: value } }, `args.${name}`)
  }
  return (
    <>
      {tools === undefined ? (
        <Field
          label="Tool"
          value={tool}
          problem={problem}
          onChange={({ target }) => onChange({ tool: target.value, args }, 'tool')}
        />
      ) : (
        <SelectField
          label="Tool"
          value={tool}
          options={tools.map(({ name }) => name)}
          hint={known?.description}
          problem={problem}
          onChange={(name) => onChange({ tool: name, args: {} }, 'tool')}
        />
      )}
      {known === undefined ? (
        <JsonField
          label="Arguments"
          value={args}
          onChange={(value) => onChange({ tool, args: value as Args }, 'args')}
        />
      ) : (
        properties.map(([name, schema]) => (
          <ArgField
            // A field of another tool keeps nothing of this one.
            key={`${tool} ${name}`}
            name={name}
            schema={schema}
            isRequired={required.includes(name)}
            value={args[name]}
            offers={offers}
            problem={problemAt(`args.${name}`)}
            onChange={(value) => setArg(name, value)}
          />
        ))
      )}
    </>
  )
}

interface Schema {
  type?: string
  anyOf?: Schema[]
  minimum?: number
  maximum?: number
}

interface ArgFieldProps {
  name: string
  schema: Schema
  isRequired: boolean
  value: unknown
  offers: readonly Offer[]
  problem: string | undefined
  onChange: (value: unknown) => void
}

/** Of a text as it is typed; of all else JSON, or a lone `{{path}}` that becomes the value itself. */
function ArgField({ name, schema, isRequired, value, offers, problem, onChange }: ArgFieldProps) {
  const takesText = schema.type === 'string' || (schema.anyOf ?? []).some(({ type }) => type === 'string')
  const [text, setText] = useState(() => textOf(value, takesText))
  const [known, setKnown] = useState(value)
  // Changed from elsewhere, by undo for instance.
  if (known !== value) {
    setKnown(value)
    setText(textOf(value, takesText))
  }
  const parsed = parseArg(text, takesText)
  const isLong = takesText || schema.type === 'object' || schema.type === 'array'
  return (
    <TemplateField
      label={isRequired ? name : `${name} (optional)`}
      rows={isLong ? 3 : 1}
      value={text}
      offers={offers}
      hint={kindOf(schema)}
      problem={parsed.problem ?? problem}
      onChange={(next) => {
        setText(next)
        const { value: given, problem: wrong } = parseArg(next, takesText)
        if (wrong !== undefined) return
        setKnown(given)
        onChange(given)
      }}
    />
  )
}

function kindOf({ type, anyOf, minimum, maximum }: Schema): string {
  if (anyOf !== undefined) return anyOf.map(kindOf).join(' or ')
  const isBounded = minimum !== undefined && maximum !== undefined && minimum > -1e9 && maximum < 1e9
  const bounds = isBounded ? `, ${minimum} to ${maximum}` : ''
  const words: Record<string, string> = { string: 'text', array: 'a list, as JSON', object: 'an object, as JSON' }
  return (words[type ?? ''] ?? type ?? 'JSON') + bounds
}

function textOf(value: unknown, takesText: boolean): string {
  if (value === undefined) return ''
  return typeof value === 'string' && (takesText || isLonePath(value)) ? value : JSON.stringify(value, undefined, 2)
}

/** Nothing is no argument. */
function parseArg(text: string, takesText: boolean): { value?: unknown; problem?: string } {
  if (text.trim() === '') return {}
  if (takesText || isLonePath(text)) return { value: text }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { problem: `no JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function isLonePath(text: string): boolean {
  return /^\{\{[^{}]*\}\}$/.test(text.trim())
}

/** Where nothing tells what the arguments are. */
function JsonField({ label, value, onChange }: { label: string; value: unknown; onChange: (value: unknown) => void }) {
  const id = useId()
  const [text, setText] = useState(() => JSON.stringify(value, undefined, 2))
  const [problem, setProblem] = useState<string>()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <textarea
        id={id}
        rows={5}
        value={text}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-problem`}
        className={`${inputClass} font-mono text-[13px]`}
        onChange={({ target }) => {
          setText(target.value)
          const { value: given, problem: wrong } = parseArg(target.value, false)
          const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
          setProblem(wrong ?? (isObject ? undefined : 'an object, as JSON'))
          if (wrong === undefined && isObject) onChange(given)
        }}
      />
      <p id={`${id}-problem`} className="mt-1 text-[13px] text-danger">
        {problem}
      </p>
    </div>
  )
}
