import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { SettingsChangeView, SettingView } from '#protocol/api/settings.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { formatBytes } from '#protocol/units.ts'
import { Button } from '../components/button.tsx'
import { Field } from '../components/field.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { client, settingsQuery } from './node-data.ts'
import { problemOf, textOf } from './settings-draft.ts'

/** In the order in which people ask for them. */
const fields: readonly { key: string; label: string; hint: string; placeholder?: string }[] = [
  { key: 'pledge.disk', label: 'Disk offered', hint: 'Such as 50GiB; 0 offers none.' },
  { key: 'data.uploadRate', label: 'Upload cap', hint: 'Per second, such as 5MiB; 0 is no cap.' },
  { key: 'data.downloadRate', label: 'Download cap', hint: 'Per second, such as 5MiB; 0 is no cap.' },
  { key: 'inference.slots', label: 'Prompts at the same time', hint: '1 to 64.' },
  { key: 'payment.pricePerGiB', label: 'Price of a GiB', hint: 'HART, such as 0.5; 0 is free.' },
  { key: 'payment.pricePerKiloToken', label: 'Price of 1,000 tokens', hint: 'HART; 0 is free.' },
  { key: 'payment.maxPricePerGiB', label: 'Most paid for a GiB', hint: 'HART; 0 takes only what is free.' },
  {
    key: 'payment.maxPricePerKiloToken',
    label: 'Most paid for 1,000 tokens',
    hint: 'HART; 0 takes only what is free.',
  },
  {
    key: 'region',
    label: 'Country on the map',
    hint: 'Two letters such as DE; empty shows none.',
    placeholder: 'none',
  },
]
const flags = [{ key: 'inference.forPeers', label: 'Answer prompts of peers too' }] as const

/** What the node gives and asks. Saved by the node into its file, and read back from it. */
export function LimitsPanel() {
  const { data, error, refetch } = useQuery(settingsQuery)
  return (
    <Panel title="Limits and prices">
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton className="h-72 w-full" />}
      {data !== undefined && <LimitsForm settings={data.settings} file={data.file} />}
    </Panel>
  )
}

function LimitsForm({ settings, file }: { settings: readonly SettingView[]; file: string | undefined }) {
  const byKey = new Map(settings.map((setting) => [setting.key, setting]))
  /** What was typed; all other fields follow the node. */
  const [drafts, setDrafts] = useState<Readonly<Record<string, string>>>({})
  const queries = useQueryClient()
  const mutation = useMutation({
    mutationFn: (changes: Record<string, string>) => client.call('changeSettings', { settings: changes }),
    onSuccess: (answer) => {
      queries.setQueryData(settingsQuery.queryKey, answer)
      void queries.invalidateQueries({ queryKey: ['status'] })
      setDrafts({})
    },
  })
  const draft = (key: string, text: string) => {
    if (!mutation.isIdle) mutation.reset()
    const { [key]: _, ...others } = drafts
    setDrafts(text === savedText(byKey.get(key)) ? others : { ...others, [key]: text })
  }
  const problems = Object.fromEntries(
    Object.entries(drafts).map(([key, text]) => [key, problemOf(key, byKey.get(key)!.kind, text)]),
  )
  const refused = isHartonomousError(mutation.error, 'ERR_CONFIG') ? mutation.error.fields : undefined
  const isWrong = Object.values(problems).some((problem) => problem !== undefined)
  const isChanged = Object.keys(drafts).length > 0
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isChanged && !isWrong) mutation.mutate({ ...drafts })
  }
  return (
    <form onSubmit={submit} className="grid gap-3" aria-label="Limits and prices">
      <div className="grid gap-x-4 gap-y-3 sm:grid-cols-2">
        {fields.map(({ key, label, hint, placeholder }) => {
          const setting = byKey.get(key)
          if (setting === undefined) return null
          return (
            <Field
              key={key}
              label={label}
              hint={`${hint}${sizeOf(setting, drafts[key] ?? savedText(setting))}${noteOf(setting)}`}
              placeholder={placeholder}
              autoComplete="off"
              spellCheck={false}
              value={drafts[key] ?? savedText(setting)}
              onChange={(event) => draft(key, event.target.value)}
              problem={problems[key] ?? (refused?.key === key ? refused.reason : undefined)}
            />
          )
        })}
      </div>
      {flags.map(({ key, label }) => (
        <label key={key} className="flex min-h-8 items-center gap-2">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={(drafts[key] ?? savedText(byKey.get(key))) === 'true'}
            onChange={(event) => draft(key, String(event.target.checked))}
          />
          {label}
        </label>
      ))}
      <div className="flex flex-wrap items-center gap-2">
        <Button type="submit" tone="primary" isBusy={mutation.isPending} disabled={!isChanged || isWrong}>
          Save
        </Button>
        <Button tone="quiet" disabled={!isChanged} onClick={() => setDrafts({})}>
          Undo
        </Button>
        <p role="status" className="text-[13px] text-muted">
          {mutation.isSuccess ? savedWords(mutation.data) : isChanged ? 'not saved yet' : ''}
        </p>
      </div>
      {mutation.isError && refused === undefined && <ErrorNotice error={mutation.error} />}
      <p className="text-[13px] break-words text-muted">
        {file === undefined ? 'Changes hold until this node stops.' : `Kept in ${file}.`} {overriddenWords(settings)}
      </p>
    </form>
  )
}

/** As it will be from the next start on, where that is another one: what was saved, not what still runs. */
function savedText(setting: SettingView | undefined): string {
  return setting === undefined ? '' : textOf({ kind: setting.kind, value: setting.nextValue ?? setting.value })
}

function noteOf(setting: SettingView): string {
  if (setting.nextValue !== undefined) return ` ${textOf(setting)} until it is started again.`
  return setting.takesEffect === 'restart' ? ' Takes effect at the next start.' : ''
}

/** Bare bytes are exact, and say nothing to most people. */
function sizeOf(setting: SettingView, text: string): string {
  const isSize = setting.kind === 'size' || setting.kind === 'rate'
  return isSize && /^\d{4,}$/.test(text) ? ` This is ${formatBytes(Number(text))}.` : ''
}

/** Which of the fields the node was started with: they come back with its next start, whatever the file says. */
function overriddenWords(settings: readonly SettingView[]): string {
  const names = (by: 'flag' | 'environment') =>
    fields
      .filter(({ key }) => settings.some((one) => one.key === key && one.overriddenBy === by))
      .map(({ label }) => label)
  const told = [
    { by: 'flags', names: names('flag') },
    { by: 'variables of the environment', names: names('environment') },
  ].filter(({ names }) => names.length > 0)
  return told
    .map(({ by, names }) => `It was started with ${by} for ${names.join(', ')}: changes hold until its next start.`)
    .join(' ')
}

function savedWords({ applied, waiting }: SettingsChangeView): string {
  const now = applied.length > 0 ? `${applied.join(', ')} in force now` : ''
  const later = waiting.length > 0 ? `${waiting.join(', ')} from the next start on` : ''
  return `Saved: ${[now, later].filter((part) => part !== '').join('; ')}`
}
