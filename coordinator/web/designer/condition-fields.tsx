import { useState } from 'react'
import type { WorkflowStep } from '#protocol/api/workflow.ts'
import { Field } from '../components/field.tsx'
import { SelectField } from './select-field.tsx'

type Condition = Extract<WorkflowStep, { type: 'condition' }>
const tests = ['equals', 'contains', 'exists', 'greater', 'less'] as const

interface ConditionFieldsProps {
  condition: Condition
  problemAt: (field: string) => string | undefined
  onChange: (condition: Condition, field: string) => void
}

/** The test, and what it is held against. */
export function ConditionFields({ condition, problemAt, onChange }: ConditionFieldsProps) {
  const { than, ...rest } = condition
  const [text, setText] = useState(() => thanText(than))
  const [known, setKnown] = useState(than)
  // Changed from elsewhere, by undo for instance.
  if (known !== than) {
    setKnown(than)
    setText(thanText(than))
  }
  return (
    <>
      <SelectField
        label="Test"
        value={condition.test}
        options={tests}
        onChange={(test) => onChange({ ...condition, test: tests.find((each) => each === test)! }, 'test')}
      />
      {condition.test !== 'exists' && (
        <Field
          label="Than"
          value={text}
          hint="A number, true, false or null; all else is a text, or JSON in brackets or quotes."
          problem={problemAt('than')}
          onChange={({ target }) => {
            const next = target.value === '' ? undefined : thanOf(target.value)
            setText(target.value)
            setKnown(next)
            onChange(next === undefined ? rest : { ...rest, than: next }, 'than')
          }}
        />
      )}
    </>
  )
}

function thanOf(text: string): NonNullable<Condition['than']> | null {
  try {
    return JSON.parse(text) as NonNullable<Condition['than']> | null
  } catch {
    return text
  }
}

/** A text that would be read as something else stands in quotes. */
function thanText(than: Condition['than']): string {
  if (than === undefined) return ''
  return typeof than === 'string' && thanOf(than) === than ? than : JSON.stringify(than)
}
