import type { StampedEvent } from '#protocol/api/control.ts'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes, formatDuration } from '#protocol/units.ts'
import { EmptyNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { formatTime, shortId } from '../lib/format.ts'
import { useLog, useNodeLive } from './node-data.ts'

/** What the node said since this page was opened, newest first. */
export function LogPanel() {
  const log = useLog()
  const { isConnected } = useNodeLive()
  return (
    <Panel title="Events" aside={<span className="text-muted">{isConnected ? 'live' : 'not connected'}</span>}>
      {log.length === 0 ? (
        <EmptyNotice title="Nothing has happened since this page was opened" />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
        <section aria-label="Events, newest first" tabIndex={0} className="max-h-80 overflow-y-auto">
          <ol className="grid gap-1">
            {log.map(({ id, event }) => (
              <li key={id} className="flex gap-3">
                <time dateTime={event.timestamp} title={event.timestamp} className="shrink-0 text-muted">
                  {formatTime(Date.parse(event.timestamp))}
                </time>
                <span className={`min-w-0 break-words ${event.level === 'warn' ? 'text-warn' : ''}`}>
                  {event.level === 'warn' ? 'Warning: ' : ''}
                  {wordsOf(event)}
                </span>
              </li>
            ))}
          </ol>
        </section>
      )}
    </Panel>
  )
}

function wordsOf(event: StampedEvent): string {
  switch (event.event) {
    case 'peer-connect':
      return `peer ${shortId(event.peerId)} connected`
    case 'peer-disconnect':
      return `peer ${shortId(event.peerId)} left`
    case 'release':
      return `heard of ${event.name}, ${formatBytes(event.sizeBytes)}, ${event.licence}`
    case 'placement':
      return `${event.action} ${event.name}: ${event.reason}`
    case 'model-added':
      return `model ${shortId(event.modelId)} is here: ${event.heldChunks} of ${event.chunkCount} chunks`
    case 'model-removed':
      return `model ${shortId(event.modelId)} was removed`
    case 'chunks-lost':
      return `${event.chunkIndexes.length} chunks of ${shortId(event.modelId)} were lost`
    case 'transfer-complete':
      return `${event.name}: ${formatBytes(event.heldBytes)} held after ${formatDuration(event.durationMs)}`
    case 'transfer-paused':
      return `a transfer waits: ${event.message}`
    case 'source-end':
      return `source ${shortId(event.peerId)} ended: ${event.evidence ?? event.reason}`
    case 'voucher':
      return event.side === 'sale'
        ? `a voucher came from ${shortId(event.peerId)}: ${formatHart(BigInt(event.addedWei))} HART more`
        : `promised ${formatHart(BigInt(event.addedWei))} HART to ${shortId(event.peerId)}`
    case 'receipt':
      return `receipt ${event.side === 'sale' ? 'given to' : 'from'} ${shortId(event.peerId)}: ${formatHart(BigInt(event.dueWei))} HART due`
    case 'payer-leave':
      return `payer ${shortId(event.peerId)} takes its money out`
    case 'payment-stop':
      return `pay stopped with ${shortId(event.peerId)}: ${event.reason}`
    case 'paused':
    case 'draining':
      return `${event.event}: ${event.reason}`
    case 'resumed':
      return 'takes work again'
    case 'drained':
      return 'everything that ran has ended'
    case 'settings':
      return `new settings: ${event.keys.join(', ')}`
    case 'state':
      return `${event.state}: ${event.reason}`
    case 'stopping':
      return `stopping: ${event.reason}`
    default:
      return event.event
  }
}
