import type { ReactNode } from 'react'
import { formatHart } from '#protocol/hart.ts'
import { Button } from '../components/button.tsx'
import { Field } from '../components/field.tsx'

interface AmountFieldProps {
  label: string
  text: string
  onChange: (text: string) => void
  mostWei: bigint
  problem: string | undefined
  hint: ReactNode
}

/** HART, with a button for all that there is. */
export function AmountField({ label, text, onChange, mostWei, problem, hint }: AmountFieldProps) {
  return (
    <div className="flex items-start gap-2">
      <Field
        className="flex-1"
        label={label}
        value={text}
        onChange={(event) => onChange(event.target.value)}
        inputMode="decimal"
        autoComplete="off"
        spellCheck={false}
        placeholder="0.0"
        problem={problem}
        hint={hint}
      />
      <Button className="mt-6" onClick={() => onChange(formatHart(mostWei))} disabled={mostWei === 0n}>
        Max
      </Button>
    </div>
  )
}
