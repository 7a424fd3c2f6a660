import { useId } from 'react'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { inputClass } from '../components/field.tsx'
import { inputPaths } from './offer.ts'

/** What a run is given, as it is typed: a text for each key, or the whole as JSON. */
export interface InputDraft {
  texts: Readonly<Record<string, string>>
  /** Instead of the fields. */
  json: string | undefined
}

export interface InputKey {
  name: string
  /** The graph looks into it, or goes over it: it is no plain text. */
  isJson: boolean
}

/** Keys of the input that the graph names; undefined where it takes the input as a whole. */
export function inputKeys(graph: WorkflowGraph): InputKey[] | undefined {
  const lists = new Set(
    graph.steps.flatMap((step) => (step.type === 'map' || step.type === 'reduce' ? [step.over] : [])),
  )
  const keys = new Map<string, boolean>()
  let isWhole = lists.has('input')
  for (const path of inputPaths(graph)) {
    const [, name, deeper] = path.split('.')
    if (name !== undefined) keys.set(name, keys.get(name) === true || deeper !== undefined || lists.has(path))
  }
  // It is always offered; only a step that names it alone takes it whole.
  isWhole ||= graph.steps.some((step) => /\{\{\s*input\s*\}\}/.test(JSON.stringify(step)))
  return isWhole ? undefined : [...keys].map(([name, isJson]) => ({ name, isJson }))
}

/** @returns the input, or why it is none */
export function inputOf(
  draft: InputDraft,
  keys: readonly InputKey[] | undefined,
): { value: unknown } | { problem: string } {
  if (draft.json !== undefined || keys === undefined) return parse(draft.json ?? '{}', 'the input')
  const entries: [string, unknown][] = []
  for (const { name, isJson } of keys) {
    const text = draft.texts[name] ?? ''
    const parsed = isJson ? parse(text, name) : { value: text }
    if ('problem' in parsed) return parsed
    entries.push([name, parsed.value])
  }
  return { value: Object.fromEntries(entries) }
}

function parse(text: string, what: string): { value: unknown } | { problem: string } {
  if (text.trim() === '') return { problem: `${what} is empty` }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { problem: `${what} is no JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}

interface RunInputProps {
  draft: InputDraft
  keys: readonly InputKey[] | undefined
  onChange: (draft: InputDraft) => void
}

/** The form of what a run is given. */
export function RunInput({ draft, keys, onChange }: RunInputProps) {
  const isJson = draft.json !== undefined || keys === undefined
  const toJson = () => {
    const now = inputOf(draft, keys)
    onChange({ ...draft, json: JSON.stringify('value' in now ? now.value : {}, undefined, 2) })
  }
  return (
    <div className="grid gap-3">
      {isJson ? (
        <TextArea
          label="Input, as JSON"
          rows={7}
          isMono
          value={draft.json ?? '{}'}
          onChange={(json) => onChange({ ...draft, json })}
        />
      ) : keys.length === 0 ? (
        <p className="text-muted">This graph takes nothing from its input.</p>
      ) : (
        keys.map(({ name, isJson: isJsonKey }) => (
          <TextArea
            key={name}
            label={isJsonKey ? `${name}, as JSON` : name}
            rows={isJsonKey ? 3 : name === 'model' ? 1 : 2}
            isMono={isJsonKey}
            value={draft.texts[name] ?? ''}
            onChange={(text) => onChange({ ...draft, texts: { ...draft.texts, [name]: text } })}
          />
        ))
      )}
      {keys !== undefined && (
        <button
          type="button"
          className="min-h-7 justify-self-start text-[13px] text-accent underline"
          onClick={() => (draft.json === undefined ? toJson() : onChange({ ...draft, json: undefined }))}
        >
          {draft.json === undefined ? 'write it as JSON' : 'back to fields'}
        </button>
      )}
    </div>
  )
}

interface TextAreaProps {
  label: string
  rows: number
  isMono: boolean
  value: string
  onChange: (text: string) => void
}

function TextArea({ label, rows, isMono, value, onChange }: TextAreaProps) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <textarea
        id={id}
        rows={rows}
        value={value}
        spellCheck={false}
        onChange={({ target }) => onChange(target.value)}
        className={`${inputClass} block ${isMono ? 'font-mono text-[13px]' : ''}`}
      />
    </div>
  )
}
