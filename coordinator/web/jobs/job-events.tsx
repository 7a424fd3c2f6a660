import type { JobEvent } from '#protocol/api/jobs.ts'
import { formatDuration } from '#protocol/units.ts'
import { Table } from '../components/table.tsx'
import { NodeName } from './node-name.tsx'

interface Line {
  seq: number
  atMs: number
  what: string
  told: React.ReactNode
}

/** What happened, in order; text that came piece by piece is one line. */
export function JobEvents({ events, createdAtMs }: { events: readonly JobEvent[]; createdAtMs: number }) {
  return (
    <Table label="Events" head={['After', 'Event', 'What']}>
      {linesOf(events).map(({ seq, atMs, what, told }) => (
        <tr key={seq} className="align-top">
          <td className="whitespace-nowrap text-muted">{formatDuration(Math.max(0, atMs - createdAtMs))}</td>
          <td className="whitespace-nowrap">{what}</td>
          <td className="break-words">{told}</td>
        </tr>
      ))}
    </Table>
  )
}

function linesOf(events: readonly JobEvent[]): Line[] {
  const lines: Line[] = []
  let state: string | undefined
  let reason = ''
  let progress = ''
  let texts = { seq: 0, count: 0, tokens: 0, atMs: 0 }
  const endTexts = () => {
    if (texts.count === 0) return
    const { seq, atMs, count, tokens } = texts
    lines.push({ seq, atMs, what: 'text', told: `${tokens} tokens in ${count} ${count === 1 ? 'piece' : 'pieces'}` })
    texts = { seq: 0, count: 0, tokens: 0, atMs: 0 }
  }
  for (const event of events) {
    // A state is told again where nothing of it changed: with each piece of text, or by whoever takes the job up.
    if (event.type === 'state' && event.state === state && event.reason === reason) continue
    if (event.type === 'state') ({ state, reason } = event)
    if (event.type === 'progress') {
      const now = `${event.phase} ${event.done}/${event.total}`
      if (now === progress) continue
      progress = now
    }
    if (event.type === 'text') {
      if (texts.count === 0) texts = { seq: event.seq, atMs: event.atMs, count: 0, tokens: 0 }
      texts = { ...texts, count: texts.count + 1, tokens: texts.tokens + event.tokens }
      continue
    }
    endTexts()
    lines.push({ seq: event.seq, atMs: event.atMs, what: event.type, told: toldOf(event) })
  }
  endTexts()
  return lines
}

function toldOf(event: Exclude<JobEvent, { type: 'text' }>): React.ReactNode {
  switch (event.type) {
    case 'state':
      return `${event.state}: ${event.reason}`
    case 'progress':
      return `${event.phase}: ${event.done} of ${event.total}`
    case 'attempt':
      return (
        <>
          try {event.attempt} begins on <NodeName peerId={event.peerId} />
          {event.isHedge ? ', beside the first, which is slow to begin' : ''}
        </>
      )
    case 'step':
      return `step ${event.step} ${event.status}${event.detail === undefined ? '' : `: ${event.detail}`}`
  }
}
