import { useQuery } from '@tanstack/react-query'
import type { ModelView, PlacementView } from '#protocol/api/control.ts'
import { formatBytes } from '#protocol/units.ts'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { Tip } from '../components/tip.tsx'
import { modelsQuery } from './node-data.ts'

/** What is here, how rare it is, and why it is here. */
export function HoldingsPanel({ placement }: { placement: readonly PlacementView[] }) {
  const { data, error, refetch } = useQuery(modelsQuery)
  const models = data?.models.filter((model) => model.heldBytes > 0).sort((a, b) => a.copies - b.copies)
  const known = data?.models.length ?? 0
  return (
    <Panel
      title="What it holds"
      aside={
        <Tip
          label="How copies are counted"
          text="Copies are those of other nodes: the sum of the shares that their live leases name, so that two halves are one copy. Below three a model counts as rare, and is fetched before others."
        />
      }
    >
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {models === undefined && error === null && <Skeleton className="h-24 w-full" />}
      {models?.length === 0 && (
        <EmptyNotice title="Nothing yet">
          {known === 0
            ? 'No model is known in this swarm: hart models ingest FILE offers the first.'
            : `${known} models are known. Offer disk under Limits, and the node chooses what the swarm needs.`}
        </EmptyNotice>
      )}
      {models !== undefined && models.length > 0 && (
        <Table label="Models held" head={['Model', 'Held', 'Other copies', 'Why']}>
          {models.map((model) => (
            <tr key={model.modelId}>
              <td className="max-w-48 truncate font-medium" title={model.modelId}>
                {model.name}
              </td>
              <td className="whitespace-nowrap" title={`${model.heldBytes} of ${model.sizeBytes} bytes`}>
                {formatBytes(model.heldBytes)}
                {model.heldChunks < model.chunkCount && (
                  <span className="text-muted"> of {formatBytes(model.sizeBytes)}</span>
                )}
              </td>
              <td className="whitespace-nowrap">
                <Rarity model={model} />
              </td>
              <td className="min-w-40 text-muted">{whyHeld(model, placement)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  )
}

/** Figure, word and bars: 0, 1, 2, or 3 and more. */
function Rarity({ model: { copies, holders } }: { model: ModelView }) {
  const word = copies === 0 ? 'only here' : copies < 3 ? 'rare' : 'safe'
  const colour = copies === 0 ? 'text-danger' : copies < 3 ? 'text-warn' : 'text-ready'
  return (
    <span className={`inline-flex items-center gap-1.5 ${colour}`} title={`held in part or whole by ${holders} others`}>
      <svg viewBox="0 0 14 10" aria-hidden="true" className="h-2.5 w-3.5">
        {[0, 1, 2].map((bar) => (
          <rect
            key={bar}
            x={bar * 5}
            y="0.5"
            width="4"
            height="9"
            fill={copies > bar ? 'currentColor' : 'none'}
            stroke="currentColor"
          />
        ))}
      </svg>
      {copies} {word}
    </span>
  )
}

function whyHeld(model: ModelView, placement: readonly PlacementView[]): string {
  if (model.problem !== undefined) return `no longer served: ${model.problem}`
  const decision = placement.find(({ modelId }) => modelId === model.modelId)
  return decision?.reason ?? (model.origin === 'ingest' ? 'your own file' : 'fetched')
}
