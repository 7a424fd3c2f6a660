import { useId } from 'react'
import { Field } from '../components/field.tsx'
import type { Offer } from './offer.ts'

interface PathFieldProps {
  label: string
  value: string
  offers: readonly Offer[]
  hint: string
  problem: string | undefined
  onChange: (path: string) => void
}

/** A value by its path, without braces. */
export function PathField({ label, value, offers, hint, problem, onChange }: PathFieldProps) {
  const id = useId()
  return (
    <>
      <Field
        label={label}
        list={id}
        value={value}
        spellCheck={false}
        autoComplete="off"
        hint={hint}
        problem={problem}
        onChange={({ target }) => onChange(target.value)}
      />
      <datalist id={id}>
        {offers.map(({ path, says }) => (
          <option key={path} value={path} label={says} />
        ))}
      </datalist>
    </>
  )
}
