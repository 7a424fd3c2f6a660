import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import type { SqlView as SqlAnswer } from '#protocol/api/control.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { formatDuration } from '#protocol/units.ts'
import { Age } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { csvOf, saveText } from './csv.ts'
import { Editor } from './editor.tsx'
import { sqlQuery } from './queries.ts'
import { ResultTable } from './result-table.tsx'
import { SchemaBrowser } from './schema-browser.tsx'
import { errorPlace } from './sql-error.ts'

const route = getRouteApi('/query')
const examples = [
  {
    name: 'by kind',
    sql: 'select kind, count(*) as components, sum(size_bytes) / 1048576.0 as mib\nfrom component group by kind order by mib desc',
  },
  {
    name: 'what is held',
    sql: 'select model_id, held_chunks, chunk_count, 100 * held_chunks / chunk_count as percent\nfrom holding order by percent desc',
  },
  {
    name: 'number formats',
    sql: "select dtype, count(*) as tensors, sum(size_bytes) as bytes\nfrom extent where kind = 'tensor' group by model_id, dtype order by bytes desc",
  },
]
const exampleSql = examples[0]!.sql

/** Read-only SQL over the documented views of the coordinator's own node. */
export function SqlView({ mayQuery }: { mayQuery: boolean }) {
  const { sql } = route.useSearch()
  const navigate = route.useNavigate()
  const queries = useQueryClient()
  const editor = useRef<HTMLTextAreaElement>(null)
  const [text, setText] = useState(sql ?? exampleSql)
  // Another statement came by the address: a link, or a step back.
  useEffect(() => setText(sql ?? exampleSql), [sql])
  const { data, error, isFetching, dataUpdatedAt } = useQuery({
    ...sqlQuery(sql ?? ''),
    enabled: mayQuery && sql !== undefined && sql.trim() !== '',
  })
  const run = (wanted: string) => {
    if (!mayQuery || wanted.trim() === '') return
    if (wanted === sql) void queries.invalidateQueries({ queryKey: sqlQuery(wanted).queryKey })
    else void navigate({ search: (old) => ({ ...old, sql: wanted }), resetScroll: false })
  }
  const select = (next: string, from: number, to: number) => {
    setText(next)
    // After the text has changed.
    requestAnimationFrame(() => {
      editor.current?.focus()
      editor.current?.setSelectionRange(from, to)
    })
  }
  const insert = (name: string) => {
    const { selectionStart: from = text.length, selectionEnd: to = text.length } = editor.current ?? {}
    const isApart = from === 0 || /[\s(.,]/.test(text[from - 1]!)
    const inserted = `${isApart ? '' : ' '}${name}`
    select(text.slice(0, from) + inserted + text.slice(to), from + inserted.length, from + inserted.length)
  }
  return (
    <div className="grid items-start gap-3 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="grid grid-cols-1 gap-3">
        <Panel title="Ask in SQL">
          <div className="grid grid-cols-1 gap-3">
            <Editor
              ref={editor}
              label="Statement"
              value={text}
              onChange={setText}
              onRun={() => run(text)}
              rows={6}
              isInvalid={error !== null && sql === text}
            />
            <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
              <Button tone="primary" isBusy={isFetching} disabled={!mayQuery} onClick={() => run(text)}>
                Run
              </Button>
              <span className="text-[13px] text-muted">
                Ctrl-Enter runs. It reads the views beside, changes nothing, and ends after 10 seconds or 1,000 rows.
              </span>
            </div>
            <Examples
              onRun={(wanted) => {
                setText(wanted)
                run(wanted)
              }}
            />
          </div>
        </Panel>
        {error !== null && sql !== undefined && (
          <div className="grid grid-cols-1 gap-2">
            <ErrorNotice error={error} />
            <ErrorPlaceButton sql={sql} error={error} onShow={(from, to) => select(sql, from, to)} />
          </div>
        )}
        {data === undefined && isFetching && <Skeleton className="h-40 w-full" />}
        {data !== undefined && <Answer result={data} readAtMs={dataUpdatedAt} />}
      </div>
      <SchemaBrowser mayQuery={mayQuery} onInsert={insert} />
    </div>
  )
}

function Examples({ onRun }: { onRun: (sql: string) => void }) {
  return (
    <div className="flex flex-wrap gap-x-3 gap-y-1 text-[13px]">
      <span className="text-muted">for example</span>
      {examples.map(({ name, sql }) => (
        <button key={name} type="button" onClick={() => onRun(sql)} className="rounded text-accent hover:underline">
          {name}
        </button>
      ))}
    </div>
  )
}

function Answer({ result, readAtMs }: { result: SqlAnswer; readAtMs: number }) {
  const { rows, isTruncated, durationMs } = result
  return (
    <Panel
      title={rows.length === 1 ? '1 row' : `${rows.length} rows`}
      aside={
        <span className="flex flex-wrap items-center gap-x-3 text-[13px] text-muted">
          {isTruncated && <span className="font-medium text-warn">cut off: there are more</span>}
          <span title="on the coordinator's machine">took {formatDuration(durationMs)}</span>
          <Age atMs={readAtMs} prefix="asked " />
          <Button disabled={rows.length === 0} onClick={() => saveText('rows.csv', 'text/csv', csvOf(result))}>
            Save CSV
          </Button>
        </span>
      }
    >
      {rows.length === 0 ? (
        <EmptyNotice title="No rows">
          The views show what the coordinator's own node knows: a model of others is known once somebody looked at its
          page, or for something in it.
        </EmptyNotice>
      ) : (
        <ResultTable result={result} />
      )}
    </Panel>
  )
}

interface ErrorPlaceProps {
  sql: string
  error: Error
  onShow: (from: number, to: number) => void
}

/** Where the statement goes wrong, if the error tells it without doubt. */
function ErrorPlaceButton({ sql, error, onShow }: ErrorPlaceProps) {
  const place = isHartonomousError(error, 'ERR_QUERY_INVALID') ? errorPlace(sql, error.message) : undefined
  if (place === undefined) return null
  return (
    <p>
      <Button onClick={() => onShow(place.from, place.to)}>
        Show line {place.line}, column {place.column}
      </Button>
    </p>
  )
}
