import { useNavigate } from '@tanstack/react-router'
import { useId } from 'react'
import type { SwarmModelView } from '#protocol/api/network.ts'
import { Field, inputClass } from '../components/field.tsx'
import { shortHart } from '../jobs/cost.tsx'
import { type PlaySearch, privacyLabels } from './search.ts'
import { maxProblem } from './settings.ts'

const privacyWords = {
  public: 'public: any node of the swarm',
  trusted: 'trusted: nodes with a bond',
  local: "local: the coordinator's own node",
} as const

interface SettingsProps {
  search: PlaySearch
  models: readonly SwarmModelView[]
  /** Name of the one that is asked. */
  model: string | undefined
}

/** All of it stands in the address: whoever opens that asks the same model in the same way. */
export function SettingsForm({ search, models, model }: SettingsProps) {
  const navigate = useNavigate({ from: '/play' })
  const set = (change: PlaySearch) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true })
  const { privacy = 'public', max, temperature, tokens, seed } = search
  const isPlain = temperature === undefined && tokens === undefined && seed === undefined
  const known = models.map((each) => ({ value: each.name, text: `${each.name}, ${wordsOf(each)}` }))
  const isKnown = model === undefined || known.some(({ value }) => value === model)
  const labels = privacyLabels.map((label) => ({ value: label, text: privacyWords[label] }))
  return (
    <form onSubmit={(event) => event.preventDefault()} className="grid gap-3">
      <div className="grid gap-3 sm:grid-cols-[2fr_2fr_1fr]">
        <Choice
          label="Model"
          value={model ?? ''}
          options={isKnown ? known : [{ value: model, text: `${model}, nobody answers now` }, ...known]}
          onChange={(value) => set({ model: value })}
        />
        <Choice
          label="Who may see it"
          value={privacy}
          options={labels}
          onChange={(value) => {
            const chosen = privacyLabels.find((label) => label === value)
            set({ privacy: chosen === 'public' ? undefined : chosen })
          }}
        />
        <Field
          label="At most, in HART"
          inputMode="decimal"
          placeholder="no bound of yours"
          value={max ?? ''}
          problem={maxProblem(max)}
          onChange={(event) => set({ max: event.target.value === '' ? undefined : event.target.value })}
        />
      </div>
      <details>
        <summary className="text-[13px] text-muted">
          Temperature, length, seed{isPlain ? ': as the coordinator has them' : ''}
        </summary>
        <div className="mt-2 grid gap-3 sm:grid-cols-3">
          <NumberField
            label="Temperature"
            value={temperature}
            min={0}
            max={2}
            step={0.1}
            onChange={(value) => set({ temperature: value })}
          />
          <NumberField
            label="Tokens at most"
            value={tokens}
            min={1}
            max={32_768}
            step={1}
            onChange={(value) => set({ tokens: value })}
          />
          <NumberField label="Seed" value={seed} step={1} onChange={(value) => set({ seed: value })} />
        </div>
      </details>
    </form>
  )
}

interface ChoiceProps {
  label: string
  value: string
  options: readonly { value: string; text: string }[]
  onChange: (value: string) => void
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <select id={id} className={inputClass} value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </div>
  )
}

interface NumberFieldProps {
  label: string
  value: number | undefined
  min?: number
  max?: number
  step: number
  onChange: (value: number | undefined) => void
}

/** What is no number of its kind is taken for nothing. */
function NumberField({ label, value, min, max, step, onChange }: NumberFieldProps) {
  const read = (text: string): number | undefined => {
    const number = Number(text)
    const isWhole = step !== 1 || Number.isSafeInteger(number)
    return text === '' || !Number.isFinite(number) || !isWhole ? undefined : clamped(number, min, max)
  }
  return (
    <Field
      label={label}
      type="number"
      placeholder="not set"
      value={value ?? ''}
      onChange={(event) => onChange(read(event.target.value))}
      step={step}
      {...(min === undefined ? {} : { min })}
      {...(max === undefined ? {} : { max })}
    />
  )
}

function clamped(value: number, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): number {
  return Math.min(Math.max(value, min), max)
}

function wordsOf({ answerers, weiPerKiloToken }: SwarmModelView): string {
  const nodes = answerers === 0 ? 'nobody answers now' : answerers === 1 ? '1 node' : `${answerers} nodes`
  if (weiPerKiloToken === undefined) return nodes
  const { min, max } = weiPerKiloToken
  const price =
    max === '0' ? 'free' : `${min === max ? '' : `${shortHart(min)} to `}${shortHart(max)} HART per 1,000 tokens`
  return `${nodes}, ${price}`
}
