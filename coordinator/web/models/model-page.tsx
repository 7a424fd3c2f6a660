import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useMemo, useRef } from 'react'
import type { CoverageView } from '#protocol/api/network.ts'
import { coverageQuery } from '../app/queries.ts'
import { useIdentity, useScope } from '../app/session.ts'
import { SignInHint } from '../app/sign-in-hint.tsx'
import { Age, useIsStale } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { SearchInput } from '../components/search-input.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Tip } from '../components/tip.tsx'
import { CoverageLegend, CoverageStrip } from './coverage-strip.tsx'
import { LayerTree } from './layer-tree.tsx'
import { ModelFacts } from './model-facts.tsx'
import { PartPanel } from './part-panel.tsx'
import { componentsQuery, modelQuery, tensorsQuery } from './queries.ts'
import { rarestText } from './rarest-part.ts'
import type { ModelSearch } from './search.ts'
import { TensorPanel } from './tensor-panel.tsx'
import { allLayers, isOpenIn, layerId, readOpen, toggled, treeRows, writeOpen } from './tree-rows.ts'

const route = getRouteApi('/models/$model')
/** Larger models are opened a layer at a time, or by a word. */
const openedPartsMax = 1000

/** One model: what it is made of, and who holds which of its parts. */
export function ModelPage() {
  const { model: reference } = route.useParams()
  const { data: model, error, refetch } = useQuery(modelQuery(reference))
  const coverage = useQuery(coverageQuery(reference))
  const name = model?.name ?? coverage.data?.name ?? 'Model'
  return (
    <Page
      title={name}
      aside={
        <span className="flex flex-wrap gap-x-4 gap-y-1">
          <Link to="/query" search={{ q: `model:${name}` }} className="text-accent underline">
            query it
          </Link>
          <Link to="/models" className="text-accent underline">
            all models
          </Link>
        </span>
      }
    >
      {error !== null && model === undefined ? (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <ModelFacts model={model} />
      )}
      <CoveragePanel
        coverage={coverage.data}
        error={coverage.error}
        readAtMs={coverage.dataUpdatedAt}
        onRetry={() => void coverage.refetch()}
      />
      {coverage.data !== undefined && <Structure coverage={coverage.data} />}
    </Page>
  )
}

interface CoveragePanelProps {
  coverage: CoverageView | undefined
  error: unknown
  readAtMs: number
  onRetry: () => void
}

function CoveragePanel({ coverage, error, readAtMs, onRetry }: CoveragePanelProps) {
  const isStale = useIsStale(readAtMs, 120_000)
  return (
    <Panel
      title="Who holds what"
      aside={
        <span className="flex items-center gap-2 text-[13px] text-muted">
          {coverage !== undefined && <Age atMs={readAtMs} prefix="counted " />}
          <Tip
            text="A node holds a part when it holds all of its chunks. Nodes say so themselves, by leases and bitfields, and every chunk is checked against its hash when it is fetched. The coordinator's own node counts like any other."
            label="How holders are counted"
          />
        </span>
      }
    >
      {coverage === undefined && error !== null && <ErrorNotice error={error} onRetry={onRetry} />}
      {coverage === undefined && error === null && <Skeleton className="h-6 w-full" />}
      {coverage !== undefined && (
        <div className={isStale ? 'opacity-70' : ''}>
          <CoverageStrip coverage={coverage} />
          <div className="mt-2 flex flex-wrap items-center justify-between gap-x-6 gap-y-1">
            <p className={coverage.holdersMin < 2 ? 'font-medium text-warn' : 'text-muted'}>{rarestText(coverage)}</p>
            <CoverageLegend />
          </div>
        </div>
      )}
    </Panel>
  )
}

/** The tree, and beside it what is selected in it. */
function Structure({ coverage }: { coverage: CoverageView }) {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const { modelId, name, parts } = coverage
  const identity = useIdentity()
  const mayQuery = useScope('query')
  const tensors = useQuery({ ...tensorsQuery(modelId), enabled: mayQuery })
  const components = useQuery({ ...componentsQuery(modelId), enabled: mayQuery })
  const held = useMemo(() => new Map(components.data?.map((each) => [each.key, each])), [components.data])
  const open = useMemo(() => readOpen(search.open), [search.open])
  const rows = useMemo(
    () => treeRows({ parts, tensors: tensors.data, isOpen: (id) => isOpenIn(open, id), find: search.find }),
    [parts, tensors.data, open, search.find],
  )
  const layers = useMemo(
    () => [...new Set(parts.flatMap(({ layer }) => (layer === undefined ? [] : [layer])))],
    [parts],
  )
  const change = (next: Partial<ModelSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...next }), replace: true, resetScroll: false })
  const panel = useRef<HTMLDivElement>(null)
  const select = (next: Pick<ModelSearch, 'part' | 'tensor'>) => {
    change({ part: next.part, tensor: next.tensor, row: undefined })
    // On a narrow page it stands below the tree, out of sight.
    if (matchMedia('(width < 64rem)').matches) panel.current?.scrollIntoView({ block: 'start' })
  }
  const selectPart = (part: string) => select({ part, tensor: undefined })
  const selectTensor = (tensor: string) => select({ tensor, part: undefined })

  const tensor = tensors.data?.find((each) => each.name === search.tensor)
  const selectedParts = parts.filter(
    ({ key, layer }) => key === search.part || (layer !== undefined && layerId(layer) === search.part),
  )
  return (
    <div className="grid items-start gap-3 lg:grid-cols-[minmax(0,1.1fr)_minmax(0,1fr)]">
      <Panel
        title="Layers"
        aside={
          <span className="flex flex-wrap items-center gap-1">
            <Button
              tone="quiet"
              disabled={parts.length > openedPartsMax}
              title={
                parts.length > openedPartsMax ? 'it has too many parts: open a layer, or look for a name' : undefined
              }
              onClick={() => change({ open: allLayers })}
            >
              Expand
            </Button>
            <Button tone="quiet" disabled={open.size === 0} onClick={() => change({ open: undefined })}>
              Collapse
            </Button>
            <SearchInput
              value={search.find}
              onChange={(find) => change({ find })}
              aria-label="Find a component or tensor"
              placeholder="ffn, blk.3, norm"
              className="w-40!"
            />
          </span>
        }
      >
        {identity !== undefined && !mayQuery && (
          <div className="mb-3">
            <SignInHint what="Seeing tensors and their values" scope="query" />
          </div>
        )}
        {tensors.error !== null && tensors.data === undefined && (
          <div className="mb-3">
            <ErrorNotice error={tensors.error} onRetry={() => void tensors.refetch()} />
          </div>
        )}
        <LayerTree
          rows={rows}
          selected={search.tensor ?? search.part}
          held={held}
          onSelect={(row) => (row.kind === 'tensor' ? selectTensor(row.id) : selectPart(row.id))}
          onToggle={(id) => change({ open: writeOpen(toggled(open, id, layers)) })}
        />
        {rows.length === 0 && (
          <EmptyNotice title="Nothing is called so">
            Keys of components look like <code className="font-mono">blk.3.ffn</code>
            {mayQuery
              ? '; names of tensors are searched too.'
              : '. Names of tensors are searched for who is signed in.'}
          </EmptyNotice>
        )}
      </Panel>
      <div
        ref={panel}
        className="min-w-0 scroll-mt-3 lg:sticky lg:top-3 lg:max-h-[calc(100dvh-1.5rem)] lg:overflow-y-auto"
      >
        <Panel title="Selected">
          {tensor !== undefined ? (
            <TensorPanel
              key={tensor.name}
              model={{ modelId, name }}
              tensor={tensor}
              firstRow={search.row ?? 0}
              onRow={(row) => change({ row: row === 0 ? undefined : row })}
              onPart={selectPart}
            />
          ) : search.tensor !== undefined ? (
            <MissingTensor name={search.tensor} mayQuery={mayQuery} isLoading={tensors.isPending && mayQuery} />
          ) : selectedParts.length > 0 ? (
            <PartPanel
              key={search.part}
              model={{ modelId, name }}
              title={selectedParts[0]!.key === search.part ? search.part : `layer ${selectedParts[0]!.layer}`}
              parts={selectedParts}
              held={held}
              tensors={tensors.data}
              onPart={selectPart}
              onTensor={selectTensor}
            />
          ) : (
            <EmptyNotice title={search.part === undefined ? 'Nothing is selected' : `It has no part ${search.part}`}>
              Select a layer, a component or a tensor: here stands who holds it, what it is made of and, where its bytes
              are at hand, a picture of its values.
            </EmptyNotice>
          )}
        </Panel>
      </div>
    </div>
  )
}

function MissingTensor({ name, mayQuery, isLoading }: { name: string; mayQuery: boolean; isLoading: boolean }) {
  if (isLoading) return <Skeleton className="h-24 w-full" />
  if (!mayQuery) return <SignInHint what={`Seeing the tensor ${name}`} scope="query" />
  return <EmptyNotice title={`It has no tensor ${name}`}>Look for it by a part of its name.</EmptyNotice>
}
