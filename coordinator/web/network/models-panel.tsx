import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import type { SwarmModelView } from '#protocol/api/network.ts'
import { formatBytes } from '#protocol/units.ts'
import { coverageQuery, modelsQuery } from '../app/queries.ts'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Tip } from '../components/tip.tsx'
import { coverageCells, rarityText } from '../models/coverage-cells.ts'
import { CoverageLegend, CoverageStrip } from '../models/coverage-strip.tsx'

/** Each is counted by asking nodes. All of them are on the page of models. */
const shownMax = 6

/** What can be run, and which parts of it are at risk. */
export const ModelsPanel = memo(() => {
  const { data, error, refetch } = useQuery(modelsQuery)
  const models = data?.toSorted((a, b) => b.holders - a.holders || (a.name < b.name ? -1 : 1))
  return (
    <Panel
      title="Models"
      aside={
        <span className="flex items-center gap-2">
          <CoverageLegend />
          <Tip
            label="How coverage is counted"
            text="One cell per layer, in the order of the model. A layer counts as often as the rarest of its parts: a node that says it holds all of the model is believed, others are asked which chunks they hold."
          />
        </span>
      }
    >
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {models === undefined && error === null && <Skeleton className="h-48 w-full" />}
      {models?.length === 0 && (
        <EmptyNotice title="No model is offered yet">
          A node that holds one offers it: <code className="font-mono">hart ingest model.gguf</code>
        </EmptyNotice>
      )}
      <ul className="grid gap-4">
        {models?.slice(0, shownMax).map((model) => (
          <ModelRow key={model.modelId} model={model} />
        ))}
      </ul>
      {models !== undefined && models.length > shownMax && (
        <Link to="/models" className="mt-3 block underline">
          all {models.length} models
        </Link>
      )}
    </Panel>
  )
})

function ModelRow({ model }: { model: SwarmModelView }) {
  const { modelId, name, sizeBytes, holders, wholeHolders, answerers } = model
  const { data, error, refetch } = useQuery(coverageQuery(modelId))
  return (
    <li className="grid gap-1">
      <p className="flex flex-wrap items-baseline justify-between gap-x-3">
        <Link to="/models/$model" params={{ model: modelId }} className="min-w-0 truncate font-medium underline">
          {name}
        </Link>
        <span className="text-[13px] text-muted">
          {formatBytes(sizeBytes)} · {wholeHolders} whole of {holders} · {answerers} answering
        </span>
      </p>
      {error !== null && data === undefined ? (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton className="h-6 w-full" />
      ) : (
        <>
          <CoverageStrip coverage={data} />
          <p className={`text-[13px] ${data.holdersMin < 2 ? 'text-warn' : 'text-muted'}`}>
            {rarityText(coverageCells(data))}
          </p>
        </>
      )}
    </li>
  )
}
