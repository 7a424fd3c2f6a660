import { useQuery } from '@tanstack/react-query'
import { useId } from 'react'
import { modelsQuery } from '../app/queries.ts'
import { inputClass } from '../components/field.tsx'
import { entriesOf, type QueryField, readField, withEntry, withField } from './query-text.ts'

const kinds = ['embedding', 'attention', 'ffn', 'expert', 'router', 'norm', 'head', 'other'] as const

interface FiltersProps {
  text: string
  onChange: (text: string) => void
}

/** Everything that a click here does stands in the text: so one learns to write it. */
export function Filters({ text, onChange }: FiltersProps) {
  const { data: models } = useQuery(modelsQuery)
  const chosen = entriesOf(text, 'kind')
  const id = useId()
  return (
    <div className="grid grid-cols-1 gap-2">
      <fieldset className="flex flex-wrap items-center gap-1.5" aria-label="Kinds">
        {kinds.map((kind) => (
          <button
            key={kind}
            type="button"
            aria-pressed={chosen.includes(kind)}
            onClick={() => onChange(withEntry(text, 'kind', kind))}
            className="rounded-full border border-line-strong px-2.5 py-0.5 text-[13px] text-muted hover:text-ink aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:font-medium aria-pressed:text-ink"
          >
            {chosen.includes(kind) ? '✓ ' : ''}
            {kind}
          </button>
        ))}
      </fieldset>
      <div className="flex flex-wrap items-end gap-2">
        <div>
          <label htmlFor={id} className="block text-[13px] text-muted">
            model
          </label>
          <select
            id={id}
            value={models?.some(({ name }) => name === readField(text, 'model')) ? readField(text, 'model') : ''}
            onChange={({ target }) => onChange(withField(text, 'model', target.value))}
            className={`${inputClass} w-44!`}
          >
            <option value="">any</option>
            {[...new Set(models?.map(({ name }) => name))].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </div>
        <FieldInput field="layer" hint="3-8 or >=4" text={text} onChange={onChange} />
        <FieldInput field="dtype" hint="F16, Q4_K" text={text} onChange={onChange} />
        <FieldInput field="shape" hint="*x128" text={text} onChange={onChange} />
        <FieldInput field="size" hint=">64KiB" text={text} onChange={onChange} />
        <FieldInput field="holders" hint="<3" text={text} onChange={onChange} />
      </div>
    </div>
  )
}

function FieldInput({ field, hint, text, onChange }: FiltersProps & { field: QueryField; hint: string }) {
  const id = useId()
  return (
    <div className="w-24">
      <label htmlFor={id} className="block text-[13px] text-muted">
        {field}
      </label>
      <input
        id={id}
        value={readField(text, field) ?? ''}
        onChange={({ target }) => onChange(withField(text, field, target.value.trim()))}
        placeholder={hint}
        className={`${inputClass} font-mono text-[13px]`}
      />
    </div>
  )
}
