import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { minutesPerWeek, openWeekOf, spansOfWeek } from '#protocol/api/schedule.ts'
import { Button } from '../components/button.tsx'
import { Field } from '../components/field.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Tip } from '../components/tip.tsx'
import { client, settingsQuery } from './node-data.ts'
import { WeekGrid } from './week-grid.tsx'

const presets = [
  { name: 'Always', spans: [] },
  { name: 'Nights', spans: ['mon-sun 22:00-07:00'] },
  { name: 'Nights and weekends', spans: ['mon-thu 22:00-07:00', 'fri 22:00-24:00', 'sat-sun 00:00-24:00'] },
] as const

/** The hours in which it works: painted as a week, or written as spans; both are the same. */
export function SchedulePanel() {
  const { data, error, refetch } = useQuery(settingsQuery)
  const saved = data?.settings.find(({ key }) => key === 'schedule')?.value
  return (
    <Panel
      title="Schedule"
      aside={
        <Tip
          label="How the schedule works"
          text="Hours in the local time of the node's machine. Outside of them it takes no new work and finishes what runs. Pause and resume by hand go before it until it opens or closes the next time."
        />
      }
    >
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {saved === undefined && error === null && <Skeleton className="h-56 w-full" />}
      {Array.isArray(saved) && <ScheduleForm key={saved.join()} saved={saved.join(', ')} />}
    </Panel>
  )
}

function ScheduleForm({ saved }: { saved: string }) {
  const [text, setText] = useState(saved)
  const [lastWeek, setLastWeek] = useState(() => weekOf(saved) ?? new Uint8Array(minutesPerWeek).fill(1))
  const queries = useQueryClient()
  const mutation = useMutation({
    mutationFn: (schedule: string) => client.call('changeSettings', { settings: { schedule } }),
    onSuccess: (answer) => {
      queries.setQueryData(settingsQuery.queryKey, answer)
      void queries.invalidateQueries({ queryKey: ['status'] })
    },
  })
  const read = readSchedule(text)
  const week = 'week' in read ? read.week : lastWeek
  const write = (next: string) => {
    if (!mutation.isIdle) mutation.reset()
    setText(next)
    setLastWeek(weekOf(next) ?? lastWeek)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if ('week' in read) mutation.mutate(text)
  }
  const hours = week.reduce((sum, minute) => sum + minute, 0) / 60
  return (
    <form onSubmit={submit} className="grid gap-3" aria-label="Schedule">
      <WeekGrid
        week={week}
        onChange={(next) => {
          write(textOfWeek(next))
          setLastWeek(next)
        }}
      />
      <div className="flex flex-wrap gap-2">
        {presets.map(({ name, spans }) => (
          <Button key={name} onClick={() => write(spans.join(', '))}>
            {name}
          </Button>
        ))}
      </div>
      <Field
        label="As text"
        hint={`Such as mon-fri 22:00-07:00, sat-sun 00:00-24:00; empty is always. ${Math.round(hours * 10) / 10} of 168 hours a week.`}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => write(event.target.value)}
        problem={'problem' in read ? read.problem : undefined}
      />
      <div className="flex flex-wrap items-center gap-2">
        <Button type="submit" tone="primary" isBusy={mutation.isPending} disabled={text === saved || 'problem' in read}>
          Save schedule
        </Button>
        <Button tone="quiet" disabled={text === saved} onClick={() => write(saved)}>
          Undo
        </Button>
        {text !== saved && <p className="text-[13px] text-muted">not saved yet</p>}
      </div>
      {mutation.isError && <ErrorNotice error={mutation.error} />}
    </form>
  )
}

/** No span is always, so that a week without any hour needs a word of its own; the node would not know it. */
const noHours = 'no hours'

function textOfWeek(week: Uint8Array): string {
  if (!week.includes(1)) return noHours
  return week.includes(0) ? spansOfWeek(week).join(', ') : ''
}

function readSchedule(text: string): { week: Uint8Array } | { problem: string } {
  const spans = text.split(',').flatMap((span) => (span.trim() === '' ? [] : [span.trim()]))
  if (text === noHours) return { problem: 'a node that never works is a paused one: choose hours here, or press Pause' }
  if (spans.length === 0) return { week: new Uint8Array(minutesPerWeek).fill(1) }
  try {
    return { week: openWeekOf(spans) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

function weekOf(text: string): Uint8Array | undefined {
  const read = readSchedule(text)
  return 'week' in read ? read.week : undefined
}
