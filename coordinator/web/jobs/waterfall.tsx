/**
 * Where the time of a job went: one axis from its submission to its end, a bar for each phase that it entered, and below them
 * one for each node that tried. A table, so that it reads without eyes.
 */
import type { JobPhase, JobView } from '#protocol/api/jobs.ts'
import { formatDuration } from '#protocol/units.ts'
import { useNow } from '../app/clock.ts'
import { type Attempt, blameOf, outcomeOf, yieldOf } from './attempts.ts'
import { isFinal, jobDurationMs } from './job-state.tsx'
import { NodeName } from './node-name.tsx'
import { axisTicks } from './time-axis.ts'

/** A bar that took no time is still seen. */
const barWidthMin = '3px'

const phaseFills: Readonly<Record<JobPhase, string>> = {
  queued: 'border-transparent bg-paused',
  fetching: 'border-transparent bg-alive',
  loading: 'border-transparent bg-alive',
  running: 'border-transparent bg-accent',
  returning: 'border-transparent bg-ready',
}

const outcomeFills = {
  won: 'border-ready bg-good-soft',
  lost: 'border-paused border-dashed bg-raised',
  failed: 'border-danger bg-danger-soft',
  cancelled: 'border-paused border-dashed bg-raised',
} as const

export function Waterfall({ job, attempts }: { job: JobView; attempts: readonly Attempt[] }) {
  const nowMs = useNow()
  const startMs = job.createdAtMs
  const totalMs = Math.max(1, jobDurationMs(job, nowMs))
  const endMs = startMs + totalMs
  const share = (atMs: number) => `${(100 * Math.min(Math.max(atMs - startMs, 0), totalMs)) / totalMs}%`
  const ticks = axisTicks(totalMs)
  return (
    <table className="w-full table-fixed border-collapse text-left">
      <caption className="sr-only">Phases and tries over time, counted from the moment of submission</caption>
      <thead>
        <tr className="text-[13px] text-muted">
          <th scope="col" className="w-32 py-1 font-medium sm:w-44">
            Phase or try
          </th>
          <th scope="col" className="relative py-1 font-normal">
            <span className="sr-only">Bar</span>
            <span aria-hidden="true" className="relative block h-5">
              {ticks.map((tickMs, index) => (
                <span
                  key={tickMs}
                  className={`absolute top-0 -translate-x-1/2 whitespace-nowrap first:translate-x-0 ${index % 2 === 1 ? 'max-sm:hidden' : ''}`}
                  style={{ left: share(startMs + tickMs) }}
                >
                  {tickWords(tickMs)}
                </span>
              ))}
            </span>
          </th>
          <th scope="col" className="w-20 py-1 text-right font-medium">
            Took
          </th>
        </tr>
      </thead>
      <tbody>
        {job.phases.map(({ phase, sinceMs, endedAtMs, done, total }, index) => (
          <Row
            // biome-ignore lint/suspicious/noArrayIndexKey: phases are only ever added at the end.
            key={index}
            name={phase}
            note={total === undefined ? undefined : `${done ?? 0} of ${total}`}
            ticks={ticks.map((tickMs) => share(startMs + tickMs))}
            left={share(sinceMs)}
            right={share(endedAtMs ?? endMs)}
            fill={phaseFills[phase]}
            tookMs={(endedAtMs ?? endMs) - sinceMs}
            isOpen={endedAtMs === undefined && !isFinal(job.state)}
          />
        ))}
        {attempts.map((attempt) => (
          <AttemptRow
            key={attempt.attempt}
            attempt={attempt}
            ticks={ticks.map((tickMs) => share(startMs + tickMs))}
            share={share}
            endMs={endMs}
          />
        ))}
      </tbody>
    </table>
  )
}

/** `2m`, where elsewhere it is `2m 0s`. */
function tickWords(tickMs: number): string {
  return tickMs === 0 ? '0' : formatDuration(tickMs).replace(/ 0[smh]$/, '')
}

interface RowProps {
  name: React.ReactNode
  note?: React.ReactNode
  ticks: readonly string[]
  left: string
  right: string
  fill: string
  /** Of the first token. */
  mark?: string | undefined
  tookMs: number
  isOpen: boolean
}

function Row({ name, note, ticks, left, right, fill, mark, tookMs, isOpen }: RowProps) {
  return (
    <tr className="border-t border-line align-top">
      <th scope="row" className="py-1 pr-2 font-normal">
        {name}
      </th>
      <td className="py-1">
        <span aria-hidden="true" className="relative block h-5">
          {ticks.map((at) => (
            <span key={at} className="absolute -top-1 -bottom-1 w-px bg-line" style={{ left: at }} />
          ))}
          <span
            className={`absolute top-0.5 bottom-0.5 rounded-sm border ${fill}`}
            style={{
              left: `min(${left}, calc(100% - ${barWidthMin}))`,
              width: `max(calc(${right} - ${left}), ${barWidthMin})`,
            }}
          />
          {mark !== undefined && (
            <span className="absolute -top-0.5 -bottom-0.5 w-0.5 bg-ink" style={{ left: mark }}>
              <span className="absolute -top-0.5 -left-[3px] size-2 rotate-45 bg-ink" />
            </span>
          )}
        </span>
        {note !== undefined && <span className="block text-[13px] break-words text-muted">{note}</span>}
      </td>
      <td className="py-1 pl-2 text-right whitespace-nowrap">
        {formatDuration(tookMs)}
        {isOpen && <span className="block text-[13px] text-muted">so far</span>}
      </td>
    </tr>
  )
}

interface AttemptRowProps {
  attempt: Attempt
  ticks: readonly string[]
  share: (atMs: number) => string
  endMs: number
}

function AttemptRow({ attempt, ticks, share, endMs }: AttemptRowProps) {
  const { startedAtMs, endedAtMs = endMs, outcome, firstTokenMs, isHedge } = attempt
  const told = [outcomeOf(attempt), blameOf(attempt), yieldOf(attempt)].filter(
    (part) => part !== undefined && part !== '',
  )
  return (
    <Row
      name={
        <>
          try {attempt.attempt}
          {isHedge ? ', hedge' : ''}
          <span className="block truncate text-[13px]">
            <NodeName peerId={attempt.peerId} />
          </span>
        </>
      }
      note={told.join('; ')}
      ticks={ticks}
      left={share(startedAtMs)}
      right={share(endedAtMs)}
      fill={outcome === undefined ? 'border-accent bg-accent-soft' : outcomeFills[outcome]}
      mark={firstTokenMs === undefined ? undefined : share(startedAtMs + firstTokenMs)}
      tookMs={endedAtMs - startedAtMs}
      isOpen={attempt.endedAtMs === undefined}
    />
  )
}
