import { Braces } from 'lucide-react'
import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from 'react'
import { inputClass } from '../components/field.tsx'
import type { Offer } from './offer.ts'

interface TemplateFieldProps {
  label: string
  value: string
  onChange: (value: string) => void
  offers: readonly Offer[]
  hint?: ReactNode
  problem?: string | undefined
  rows?: number
}

/** What is typed after `{{`, up to the caret. */
const begun = /\{\{\s*([\w.-]*)$/

interface Completion {
  /** Where the `{{` stands, or is to stand. */
  from: number
  typed: string
  /** Which offer is marked. */
  at: number
}

/** Text with `{{path}}` in it. Typing `{{`, or the button, offers what is in reach; arrows and Enter choose. */
export function TemplateField({ label, value, onChange, offers, hint, problem, rows = 3 }: TemplateFieldProps) {
  const id = useId()
  const area = useRef<HTMLTextAreaElement>(null)
  const [completion, setCompletion] = useState<Completion>()
  const shown = completion === undefined ? [] : offers.filter(({ path }) => path.includes(completion.typed))
  const marked = shown[Math.min(completion?.at ?? 0, shown.length - 1)]

  const lookAt = (text: string, caret: number) => {
    const match = begun.exec(text.slice(0, caret))
    setCompletion(match === null ? undefined : { from: match.index, typed: match[1]!, at: 0 })
  }
  const choose = (offer: Offer) => {
    const { from } = completion!
    const caret = area.current!.selectionStart
    const rest = value.slice(caret).replace(/^\s*\}\}/, '')
    const put = `{{${offer.path}}}`
    onChange(value.slice(0, from) + put + rest)
    setCompletion(undefined)
    area.current!.focus()
    // After React has written the text.
    requestAnimationFrame(() => area.current?.setSelectionRange(from + put.length, from + put.length))
  }
  const onKey = (event: KeyboardEvent) => {
    if (completion === undefined || marked === undefined) return
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by !== 0) setCompletion({ ...completion, at: (shown.indexOf(marked) + by + shown.length) % shown.length })
    else if (event.key === 'Enter' || event.key === 'Tab') choose(marked)
    else if (event.key === 'Escape') setCompletion(undefined)
    else return
    event.preventDefault()
  }
  return (
    <div>
      <div className="mb-1 flex items-center justify-between gap-2">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {offers.length > 0 && (
          <button
            type="button"
            onClick={() => {
              const caret = area.current!.selectionStart
              area.current!.focus()
              setCompletion({ from: caret, typed: '', at: 0 })
            }}
            className="inline-flex min-h-7 items-center gap-1 rounded px-1 text-[13px] text-muted hover:bg-raised hover:text-ink"
            aria-label={`insert a value into ${label}`}
          >
            <Braces className="size-3.5" aria-hidden="true" /> value
          </button>
        )}
      </div>
      <textarea
        ref={area}
        id={id}
        rows={rows}
        value={value}
        spellCheck={false}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint ${id}-problem`}
        aria-autocomplete="list"
        aria-controls={`${id}-list`}
        {...(marked === undefined ? {} : { 'aria-activedescendant': `${id}-${shown.indexOf(marked)}` })}
        onChange={(event) => {
          onChange(event.target.value)
          lookAt(event.target.value, event.target.selectionStart)
        }}
        onKeyDown={onKey}
        onBlur={() => setCompletion(undefined)}
        className={`${inputClass} block font-mono text-[13px]`}
      />
      <div
        id={`${id}-list`}
        role="listbox"
        tabIndex={-1}
        aria-label={`values for ${label}`}
        className={shown.length === 0 ? 'hidden' : listClass}
      >
        {shown.map((offer, at) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the text, which keeps the focus.
          <div
            key={offer.path}
            id={`${id}-${at}`}
            role="option"
            tabIndex={-1}
            aria-selected={offer === marked}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choose(offer)}
            className="flex min-h-7 cursor-pointer items-baseline justify-between gap-2 rounded px-2 py-0.5 hover:bg-raised aria-selected:bg-accent-soft"
          >
            <span className="font-mono text-[13px] break-all">{offer.path}</span>
            <span className="text-[12px] whitespace-nowrap text-muted">{offer.says}</span>
          </div>
        ))}
      </div>
      <p id={`${id}-hint`} className="mt-1 text-[13px] text-muted">
        {hint}
      </p>
      <p id={`${id}-problem`} className="text-[13px] text-danger">
        {problem}
      </p>
    </div>
  )
}

const listClass = 'mt-1 max-h-48 overflow-y-auto rounded-md border border-line-strong bg-panel p-1 shadow-lg'
