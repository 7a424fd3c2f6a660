import { Age } from '../components/age.tsx'
import { StateBadge } from '../components/state-mark.tsx'
import { formatCount, shortId } from '../lib/format.ts'
import type { Cell } from './cells.ts'
import { regionName } from './regions.ts'

/** What is told of a cell that is pointed at. */
export function NodeCard({ region, cell }: { region: string; cell: Cell }) {
  const { node, state, count, mix = [{ state, count }] } = cell
  if (node === undefined)
    return (
      <>
        <p className="font-medium">{regionName(region)}</p>
        {mix.map((of) => (
          <p key={of.state} className="flex items-center justify-between gap-2">
            <StateBadge state={of.state} /> {formatCount(of.count)}
          </p>
        ))}
        <p className="text-muted">Press to list them.</p>
      </>
    )
  return (
    <>
      <p className="flex items-center justify-between gap-2">
        <span className="font-mono">{shortId(node.peerId)}</span>
        <StateBadge state={state} />
      </p>
      <p className="text-muted">{node.reason}</p>
      <p>
        {regionName(region)} · {node.models.length} {node.models.length === 1 ? 'model' : 'models'}
        {node.inferenceSlots > 0 && ` · ${node.inferenceSlotsFree} of ${node.inferenceSlots} slots free`}
      </p>
      <p className="text-muted">
        heard <Age atMs={node.heardAtMs} />
      </p>
    </>
  )
}
