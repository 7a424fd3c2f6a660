import { type ReactNode, useId } from 'react'
import { inputClass } from '../components/field.tsx'

interface SelectFieldProps {
  label: string
  value: string
  options: readonly string[]
  onChange: (value: string) => void
  hint?: ReactNode
  problem?: string | undefined
}

/** One of a few. A value that is none of them stays to be seen. */
export function SelectField({ label, value, options, onChange, hint, problem }: SelectFieldProps) {
  const id = useId()
  const all = options.includes(value) ? options : [value, ...options]
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <select
        id={id}
        value={value}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint ${id}-problem`}
        onChange={(event) => onChange(event.target.value)}
        className={inputClass}
      >
        {all.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
      <p id={`${id}-hint`} className="mt-1 text-[13px] text-muted">
        {hint}
      </p>
      <p id={`${id}-problem`} className="text-[13px] text-danger">
        {problem}
      </p>
    </div>
  )
}
