import { useQuery } from '@tanstack/react-query'
import { ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { sqlSchemaQuery } from './queries.ts'

interface SchemaBrowserProps {
  mayQuery: boolean
  onInsert: (name: string) => void
}

/** The views that SQL may read. A click on a name writes it where the cursor is. */
export function SchemaBrowser({ mayQuery, onInsert }: SchemaBrowserProps) {
  const { data, error, refetch } = useQuery({ ...sqlSchemaQuery, enabled: mayQuery })
  return (
    <Panel title="Views">
      {!mayQuery && <p className="text-muted">Who is signed in sees them here.</p>}
      {mayQuery && data === undefined && error === null && <Skeleton className="h-48 w-full" />}
      {error !== null && data === undefined && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      <div className="grid grid-cols-1 gap-1 lg:max-h-[70dvh] lg:overflow-y-auto">
        {data?.map(({ name, meaning, columns }) => (
          <details key={name}>
            <summary className="min-h-7 rounded px-1 py-0.5 hover:bg-raised">
              <span className="font-mono text-[13px] font-semibold">{name}</span>{' '}
              <span className="text-[13px] text-muted">{meaning}</span>
            </summary>
            <ul className="mb-2 ml-3 grid grid-cols-1 border-l border-line pl-2">
              <Name name={name} type="view" meaning="all of its rows" onInsert={onInsert} />
              {columns.map((column) => (
                <Name key={column.name} {...column} onInsert={onInsert} />
              ))}
            </ul>
          </details>
        ))}
      </div>
    </Panel>
  )
}

interface NameProps {
  name: string
  type: string
  meaning: string
  onInsert: (name: string) => void
}

function Name({ name, type, meaning, onInsert }: NameProps) {
  return (
    <li>
      <button
        type="button"
        onClick={() => onInsert(name)}
        className="flex min-h-7 w-full items-baseline gap-2 rounded px-1 py-0.5 text-left text-[13px] hover:bg-raised"
      >
        <span className="font-mono text-accent">{name}</span>
        <span className="text-muted">{type}</span>
        <span className="min-w-0 flex-1 truncate text-muted" title={meaning}>
          {meaning}
        </span>
      </button>
    </li>
  )
}
