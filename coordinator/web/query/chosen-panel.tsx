import { useQueries } from '@tanstack/react-query'
import type { FoundRowView } from '#protocol/api/query.ts'
import { formatBytes } from '#protocol/units.ts'
import { inputClass } from '../components/field.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { rowId } from './found-table.tsx'
import { PlanView } from './plan-view.tsx'
import { closureQuery, planQuery } from './queries.ts'
import { withField } from './query-text.ts'

type Closure = 'part' | 'whole' | undefined

interface ChosenPanelProps {
  found: readonly FoundRowView[]
  chosen: ReadonlySet<string>
  /** Of the query that found them. */
  text: string
  limit: number
  closure: Closure
  onClosure: (closure: Closure) => void
}

/** What chosen components need besides, and what loading them takes: by model. */
export function ChosenPanel({ found, chosen, text, limit, closure, onClosure }: ChosenPanelProps) {
  const models = [
    ...Map.groupBy(
      found.filter((row) => chosen.has(rowId(row))),
      ({ modelId }) => modelId,
    ),
  ]
  const sets = models.map(([modelId, rows]) => ({ modelId, model: rows[0]!.model, keys: rows.map(({ key }) => key) }))
  const closures = useQueries({
    queries: sets.map(({ modelId, keys }) => closureQuery(modelId, keys, closure ?? 'part')),
  })
  const plans = useQueries({
    queries: sets.map(({ modelId, keys }) =>
      planQuery({
        text: withField(text, 'model', modelId),
        limit,
        keys,
        ...(closure === undefined ? {} : { closure }),
      }),
    ),
  })
  return (
    <Panel
      title={sets.length === 0 ? 'Chosen' : `Loading ${countOf(sets)}`}
      aside={
        <select
          value={closure ?? ''}
          onChange={({ target }) => onClosure((target.value || undefined) as Closure)}
          aria-label="What is added"
          className={`${inputClass} w-auto!`}
        >
          <option value="">just these</option>
          <option value="part">and what their layers need</option>
          <option value="whole">and all that answers a prompt</option>
        </select>
      }
    >
      {sets.length === 0 && <p className="text-muted">What was chosen is not among what was found.</p>}
      <div className="grid grid-cols-1 gap-6">
        {sets.map(({ modelId, model, keys }, at) => (
          <div key={modelId} className="grid grid-cols-1 gap-4 xl:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)]">
            <Loaded query={plans[at]!} height="h-40">
              {({ plans: [plan] }) => plan !== undefined && <PlanView plan={plan} />}
            </Loaded>
            <Loaded query={closures[at]!} height="h-40">
              {({ members, sizeBytes, heldBytes }) => (
                <section aria-label={`What ${model} needs`}>
                  <h3 className="font-semibold">
                    {members.length === keys.length
                      ? 'They need nothing besides'
                      : `They need ${members.length - keys.length} besides`}
                  </h3>
                  <p className="mb-1 text-[13px] text-muted">
                    {closure === 'whole' ? 'to answer a prompt' : 'to run their layers'}: {formatBytes(sizeBytes)} in
                    all, {heldBytes === 0 ? 'nothing of it here' : `${formatBytes(heldBytes)} of it here`}
                  </p>
                  <div className="max-h-80 overflow-y-auto">
                    <Table label="Closure" head={['component', 'size', 'why']}>
                      {members.map(({ key, sizeBytes: size, reason }) => (
                        <tr key={key} className={keys.includes(key) ? 'font-medium' : ''}>
                          <td className="font-mono text-[13px] whitespace-nowrap">{key}</td>
                          <td className="whitespace-nowrap">{formatBytes(size)}</td>
                          <td className="text-[13px]">{reason}</td>
                        </tr>
                      ))}
                    </Table>
                  </div>
                </section>
              )}
            </Loaded>
          </div>
        ))}
      </div>
    </Panel>
  )
}

function countOf(sets: readonly { keys: readonly string[] }[]): string {
  const count = sets.reduce((sum, { keys }) => sum + keys.length, 0)
  return count === 1 ? '1 component' : `${count} components`
}

interface LoadedProps<T> {
  query: { data: T | undefined; error: unknown; refetch: () => unknown }
  height: string
  children: (data: T) => React.ReactNode
}

function Loaded<T>({ query: { data, error, refetch }, height, children }: LoadedProps<T>) {
  if (data !== undefined) return <div className="min-w-0">{children(data)}</div>
  if (error !== null) return <ErrorNotice error={error} onRetry={() => void refetch()} />
  return <Skeleton className={`${height} w-full`} />
}
