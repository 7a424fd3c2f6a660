import { useState } from 'react'
import { Tip } from '../components/tip.tsx'
import { type CellActions, CellButton } from './cell-button.tsx'
import type { Cell, Cluster } from './cells.ts'
import { NodeCard } from './node-card.tsx'
import { regionName } from './regions.ts'

/** Nodes that the map has no place for: they say nothing of where they are, and none is made up for them. */
export function Tray({ clusters, onOpen }: { clusters: readonly Cluster[] } & Pick<CellActions, 'onOpen'>) {
  const [pointed, setPointed] = useState<{ region: string; cell: Cell }>()
  if (clusters.length === 0) return null
  return (
    <div className="relative mt-2 flex flex-wrap items-center gap-x-6 gap-y-2 rounded-md border border-dashed border-line-strong px-2 py-1.5">
      {clusters.map(({ region, cells }) => (
        <div key={region} className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <span className="inline-flex items-center gap-1.5 text-[13px] text-muted">
            {regionName(region)}
            <Tip
              label="Why these are not on the map"
              text="A node is where its owner says it is, and these say nothing. No address is looked up. The owner of one can say it: hart config set region DE"
            />
          </span>
          <span className="flex flex-wrap gap-x-3 gap-y-3 py-1">
            {cells.map((cell) => (
              <CellButton
                key={cell.key}
                region={region}
                cell={cell}
                isReachable
                onOpen={onOpen}
                onPoint={(next) => setPointed(next)}
              />
            ))}
          </span>
        </div>
      ))}
      {pointed !== undefined && (
        <div
          aria-hidden="true"
          className="pointer-events-none absolute right-0 bottom-full z-10 mb-1 w-64 rounded-md border border-line-strong bg-panel px-2.5 py-2 text-[13px] shadow-lg"
        >
          <NodeCard {...pointed} />
        </div>
      )}
    </div>
  )
}
