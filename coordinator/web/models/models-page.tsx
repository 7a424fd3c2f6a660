import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { useState } from 'react'
import { formatBytes } from '#protocol/units.ts'
import { modelsQuery } from '../app/queries.ts'
import { Age, useIsStale } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { inputClass } from '../components/field.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { SearchInput } from '../components/search-input.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { CoverageLegend } from './coverage-strip.tsx'
import { ModelRow } from './model-row.tsx'
import type { ModelShow, ModelSort, ModelsSearch } from './search.ts'
import { modelShows, modelSorts } from './search.ts'
import { chosenModels, orderOf } from './swarm-models.ts'

const route = getRouteApi('/models')
/** For each the coordinator counts the holders of all parts: those further down wait until they are wanted. */
const shownStep = 25

const sortNames: Readonly<Record<ModelSort, string>> = {
  name: 'name',
  size: 'size',
  holders: 'whole copies',
  answerers: 'nodes that answer',
  price: 'price',
  age: 'age of the figures',
}
const showNames: Readonly<Record<ModelShow, string>> = {
  all: 'all models',
  answered: 'that answer prompts',
  scarce: 'with one whole copy at most',
}

/** What the swarm offers, and how safe each model is in it. */
export function ModelsPage() {
  const search = route.useSearch()
  const { data, error, dataUpdatedAt, refetch } = useQuery(modelsQuery)
  const [shownMax, setShownMax] = useState(shownStep)
  const isStale = useIsStale(dataUpdatedAt, 120_000)
  const chosen = data === undefined ? undefined : chosenModels(data, search)
  return (
    <Page title="Models" aside={data !== undefined && <Totals models={data} atMs={dataUpdatedAt} />}>
      <section aria-label="Models of the swarm" className="rounded-lg border border-line bg-panel">
        <Controls search={search} />
        {error !== null && (
          <div className="p-3">
            <ErrorNotice error={error} onRetry={() => void refetch()} />
          </div>
        )}
        {chosen === undefined && error === null && <LoadingRows />}
        {data?.length === 0 && (
          <EmptyNotice title="The swarm offers no model yet">
            A model appears here once a node publishes it: <code className="font-mono">hart ingest FILE.gguf</code> on
            any node of this network.
          </EmptyNotice>
        )}
        {data !== undefined && data.length > 0 && chosen?.length === 0 && (
          <EmptyNotice title="No model is like that">Take fewer words, or show all models.</EmptyNotice>
        )}
        {chosen !== undefined && chosen.length > 0 && (
          <ul className={isStale ? 'text-stale' : ''}>
            {chosen.slice(0, shownMax).map((model) => (
              <ModelRow key={model.modelId} model={model} readAtMs={dataUpdatedAt} />
            ))}
          </ul>
        )}
        {chosen !== undefined && chosen.length > shownMax && (
          <p className="border-t border-line p-3">
            <Button onClick={() => setShownMax(shownMax + shownStep)}>
              Show {Math.min(shownStep, chosen.length - shownMax)} more of {chosen.length}
            </Button>
          </p>
        )}
      </section>
    </Page>
  )
}

function Totals({ models, atMs }: { models: readonly { sizeBytes: number }[]; atMs: number }) {
  const bytes = models.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return (
    <p className="text-muted">
      {models.length === 1 ? '1 model' : `${models.length} models`}, {formatBytes(bytes)}, read <Age atMs={atMs} />
    </p>
  )
}

function Controls({ search }: { search: ModelsSearch }) {
  const navigate = route.useNavigate()
  const change = (next: Partial<ModelsSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...next }), replace: true })
  const { sort = 'name', show = 'all', find } = search
  const order = orderOf(search)
  const Arrow = order === 'asc' ? ArrowUp : ArrowDown
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line p-2">
      <SearchInput
        value={find}
        onChange={(next) => change({ find: next })}
        aria-label="Find in names, publishers, licences and ids"
        placeholder="name, publisher, licence, id"
        className="max-w-64"
      />
      <select
        value={show}
        onChange={({ target }) => change({ show: target.value as ModelShow })}
        aria-label="Which models"
        className={`${inputClass} w-auto!`}
      >
        {modelShows.map((each) => (
          <option key={each} value={each}>
            {showNames[each]}
          </option>
        ))}
      </select>
      <span className="flex items-center gap-1">
        <select
          value={sort}
          onChange={({ target }) => change({ sort: target.value as ModelSort, order: undefined })}
          aria-label="Sort by"
          className={`${inputClass} w-auto!`}
        >
          {modelSorts.map((each) => (
            <option key={each} value={each}>
              by {sortNames[each]}
            </option>
          ))}
        </select>
        <Button
          tone="quiet"
          aria-label={order === 'asc' ? 'ascending; change to descending' : 'descending; change to ascending'}
          onClick={() => change({ order: order === 'asc' ? 'desc' : 'asc' })}
        >
          <Arrow className="size-4" />
        </Button>
      </span>
      <span className="ml-auto">
        <CoverageLegend />
      </span>
    </div>
  )
}

function LoadingRows() {
  return (
    <ul aria-label="loading" aria-busy="true">
      {['a', 'b', 'c'].map((key) => (
        <li key={key} className="grid gap-2 border-b border-line p-3 last:border-0">
          <Skeleton className="h-5 w-48" />
          <Skeleton className="h-6 w-full" />
        </li>
      ))}
    </ul>
  )
}
