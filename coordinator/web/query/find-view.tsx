import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { FoundView } from '#protocol/api/query.ts'
import { modelsQuery } from '../app/queries.ts'
import { Age } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { inputClass } from '../components/field.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { modelQuery } from '../models/queries.ts'
import { ChosenPanel } from './chosen-panel.tsx'
import { Editor } from './editor.tsx'
import { Explain } from './explain.tsx'
import { Filters } from './filters.tsx'
import { FoundTable } from './found-table.tsx'
import { findQuery } from './queries.ts'
import type { QuerySearch } from './search.ts'

const route = getRouteApi('/query')
const limitDefault = 100
const limits = [25, 100, 1000]

/** Components by what they are, here and in the swarm; what is chosen of them is planned. */
export function FindView({ mayQuery }: { mayQuery: boolean }) {
  const { q, scope = 'swarm', limit = limitDefault, chosen, closure } = route.useSearch()
  const navigate = route.useNavigate()
  const queries = useQueryClient()
  const [text, setText] = useState(q ?? '')
  // Another query came by the address: a link, or a step back.
  useEffect(() => setText(q ?? ''), [q])
  const options = { text: q ?? '', limit, scope }
  const { data, error, isFetching, dataUpdatedAt } = useQuery({
    ...findQuery(options),
    enabled: mayQuery && q !== undefined,
  })
  const change = (next: Partial<QuerySearch>) =>
    void navigate({ search: (old) => ({ ...old, ...next }), replace: true, resetScroll: false })
  const run = (wanted: string) => {
    if (wanted === q) void queries.invalidateQueries({ queryKey: findQuery(options).queryKey })
    else void navigate({ search: (old) => ({ ...old, q: wanted, chosen: undefined }), resetScroll: false })
  }
  const chosenIds = new Set(chosen?.split(' ').filter((id) => id !== ''))
  return (
    <>
      <Panel title="What to find">
        <div className="grid grid-cols-1 gap-3">
          <Editor
            label="Query"
            value={text}
            onChange={setText}
            onRun={() => run(text)}
            rows={2}
            runsOnEnter
            isInvalid={error !== null && q === text}
            placeholder="kind:ffn layer:3-8 model:NAME words"
          />
          <Filters text={text} onChange={setText} />
          <div className="flex flex-wrap items-center gap-2">
            <Button tone="primary" isBusy={isFetching} disabled={!mayQuery} onClick={() => run(text)}>
              Find
            </Button>
            <Bounds scope={scope} limit={limit} onChange={change} />
            <span className="text-[13px] text-muted">Enter finds</span>
          </div>
          <Examples mayQuery={mayQuery} onRun={run} />
        </div>
      </Panel>
      {error !== null && <ErrorNotice error={error} onRetry={() => run(q ?? '')} />}
      {data === undefined && isFetching && <Skeleton className="h-40 w-full" />}
      {data !== undefined && (
        <Results found={data} readAtMs={dataUpdatedAt} isFetching={isFetching} chosen={chosenIds} onChange={change} />
      )}
      {data !== undefined && chosenIds.size > 0 && (
        <ChosenPanel
          found={data.rows}
          chosen={chosenIds}
          text={options.text}
          limit={limit}
          closure={closure}
          onClosure={(next) => change({ closure: next })}
        />
      )}
    </>
  )
}

interface BoundsProps {
  scope: 'local' | 'swarm'
  limit: number
  onChange: (next: Partial<QuerySearch>) => void
}

/** Where it is looked, and how much is wanted. What was chosen of another answer is forgotten. */
function Bounds({ scope, limit, onChange }: BoundsProps) {
  return (
    <>
      <select
        value={scope}
        onChange={({ target }) =>
          onChange({ scope: target.value === 'local' ? 'local' : undefined, chosen: undefined })
        }
        aria-label="Where to look"
        className={`${inputClass} w-auto!`}
      >
        <option value="swarm">here and in the swarm</option>
        <option value="local">on the coordinator's node alone</option>
      </select>
      <select
        value={limit}
        onChange={({ target }) => onChange({ limit: Number(target.value), chosen: undefined })}
        aria-label="How many at most"
        className={`${inputClass} w-auto!`}
      >
        {[...new Set([...limits, limit])]
          .sort((a, b) => a - b)
          .map((each) => (
            <option key={each} value={each}>
              {each} rows at most
            </option>
          ))}
      </select>
    </>
  )
}

interface ResultsProps {
  found: FoundView
  readAtMs: number
  isFetching: boolean
  chosen: ReadonlySet<string>
  onChange: (next: Partial<QuerySearch>) => void
}

function Results({ found, readAtMs, isFetching, chosen, onChange }: ResultsProps) {
  const { rows, isTruncated } = found
  return (
    <Panel
      title={rows.length === 1 ? '1 component' : `${rows.length} components`}
      aside={
        <span className="flex flex-wrap items-center gap-x-3 text-[13px] text-muted">
          {isTruncated && <span className="font-medium text-warn">there are more: say less, or take more rows</span>}
          <Age atMs={readAtMs} prefix="asked " />
        </span>
      }
    >
      <div className={`grid grid-cols-1 gap-3 ${isFetching ? 'opacity-60' : ''}`}>
        {rows.length === 0 ? (
          <EmptyNotice title="None fits">
            No component has all of what was asked for. Words are looked for in names, not in meaning.
          </EmptyNotice>
        ) : (
          <FoundTable
            rows={rows}
            chosen={chosen}
            onChosen={(ids) => onChange({ chosen: ids.size === 0 ? undefined : [...ids].join(' ') })}
          />
        )}
        <Explain found={found} />
      </div>
    </Panel>
  )
}

/** Of the models that the swarm has now: each finds something. */
function Examples({ mayQuery, onRun }: { mayQuery: boolean; onRun: (text: string) => void }) {
  const { data } = useQuery(modelsQuery)
  const name = data?.[0]?.name
  const { data: model } = useQuery({ ...modelQuery(name ?? ''), enabled: mayQuery && name !== undefined })
  const texts = [
    'kind:embedding',
    'kind:ffn layer:2-4',
    ...(name === undefined ? [] : [`model:${name} dtype:F32`, `model:${name} attn_q`]),
    // Weights can be compared with what is here.
    ...(model !== undefined && model.heldBytes === model.sizeBytes ? [`like:${name}/embedding`] : []),
  ]
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-[13px]">
      <span className="text-muted">for example</span>
      {texts.map((text) => (
        <button
          key={text}
          type="button"
          onClick={() => onRun(text)}
          className="rounded font-mono text-accent hover:underline"
        >
          {text}
        </button>
      ))}
    </div>
  )
}
