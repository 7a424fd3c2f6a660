import { type InputHTMLAttributes, type ReactNode, useId } from 'react'

/** The look of every input, select and textarea. */
export const inputClass =
  'w-full min-h-8 rounded-md border border-line-strong bg-panel px-2 py-1 text-ink disabled:opacity-55 aria-invalid:border-danger'

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  hint?: ReactNode
  /** What is wrong with it, where something is. */
  problem?: string | undefined
}

/** A line of input under its label; hint and problem are read out with it. */
export function Field({ label, hint, problem, className = '', ...rest }: FieldProps) {
  const id = useId()
  const described = [hint === undefined ? '' : `${id}-hint`, problem === undefined ? '' : `${id}-problem`].join(' ')
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <input
        id={id}
        aria-describedby={described}
        aria-invalid={problem !== undefined}
        className={inputClass}
        {...rest}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} className="mt-1 text-[13px] text-muted">
          {hint}
        </p>
      )}
      {problem !== undefined && (
        <p id={`${id}-problem`} className="mt-1 text-[13px] text-danger">
          {problem}
        </p>
      )}
    </div>
  )
}
