import type { TransferView } from '#protocol/api/control.ts'
import { formatBytes, formatDuration, formatRate } from '#protocol/units.ts'
import { Panel } from '../components/panel.tsx'

/** Absent while nothing is fetched: an idle node has enough to say elsewhere. */
export function TransfersPanel({ transfers }: { transfers: readonly TransferView[] }) {
  if (transfers.length === 0) return null
  return (
    <Panel title="Fetching" aside={<span className="text-muted">{transfers.length} models</span>}>
      <ul className="grid gap-3">
        {transfers.map((transfer) => (
          <Transfer key={transfer.modelId} transfer={transfer} />
        ))}
      </ul>
    </Panel>
  )
}

function Transfer({ transfer }: { transfer: TransferView }) {
  const { name, modelId, wantedBytes, heldBytes, bytesPerSecond, etaMs, pausedBy, sources, chunksRejected } = transfer
  const percent = wantedBytes === 0 ? 100 : Math.floor((100 * heldBytes) / wantedBytes)
  const active = sources.filter(({ state }) => state === 'active').length
  return (
    <li>
      <div className="flex flex-wrap justify-between gap-x-3">
        <span className="min-w-0 truncate font-medium" title={modelId}>
          {name}
        </span>
        <span title={`${heldBytes} of ${wantedBytes} bytes`}>
          {formatBytes(heldBytes)} of {formatBytes(wantedBytes)}
        </span>
      </div>
      <div
        role="progressbar"
        aria-label={`${name} fetched`}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
        className="my-1 h-2 overflow-hidden rounded bg-raised"
      >
        <div className="h-full bg-alive" style={{ width: `${percent}%` }} />
      </div>
      <p className="text-[13px] text-muted">
        {percent} %, {formatRate(bytesPerSecond)} from {active} of {sources.length} sources
        {etaMs === undefined ? '' : `, ${formatDuration(etaMs)} left`}
        {chunksRejected > 0 ? `, ${chunksRejected} chunks refused as wrong` : ''}
      </p>
      {pausedBy !== undefined && <p className="text-danger">Paused: {pausedBy}. Free disk space, then resume.</p>}
    </li>
  )
}
