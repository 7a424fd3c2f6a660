import { type KeyboardEvent, type Ref, useId } from 'react'
import { inputClass } from '../components/field.tsx'

interface EditorProps {
  label: string
  value: string
  onChange: (value: string) => void
  onRun: () => void
  rows: number
  placeholder?: string
  /** Enter alone runs it, too: for what is one line. */
  runsOnEnter?: boolean
  isInvalid?: boolean
  ref?: Ref<HTMLTextAreaElement>
}

/** Text that is run by Ctrl-Enter, and by Cmd-Enter. */
export function Editor({ label, value, onChange, onRun, rows, placeholder, runsOnEnter, isInvalid, ref }: EditorProps) {
  const id = useId()
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey) return
    if (!runsOnEnter && !event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    onRun()
  }
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <textarea
        ref={ref}
        id={id}
        rows={rows}
        value={value}
        onChange={({ target }) => onChange(target.value)}
        onKeyDown={onKey}
        placeholder={placeholder}
        aria-invalid={isInvalid ?? false}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        className={`${inputClass} block resize-y font-mono text-[13px] leading-5`}
      />
    </div>
  )
}
