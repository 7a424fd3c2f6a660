import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ErrorNotice } from '../components/notice.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { formatDateTime } from '../lib/format.ts'
import { workflowsQuery } from './library.ts'

/** What can be opened. */
export function WorkflowList({ onOpen }: { onOpen?: () => void }) {
  const { data, error, refetch } = useQuery(workflowsQuery)
  if (error !== null) return <ErrorNotice error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton className="h-24 w-full" />
  return (
    <ul aria-label="Workflows" className="grid gap-1 text-left">
      {data.map(({ name, origin, steps, description, savedAtMs }) => (
        <li key={name}>
          <Link
            to="/designer"
            search={{ name }}
            {...(onOpen === undefined ? {} : { onClick: onOpen })}
            className="block rounded-md border border-line bg-panel px-3 py-2 text-ink hover:border-line-strong hover:bg-raised"
          >
            <span className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium break-all">{name}</span>
              <span className="text-[13px] text-muted">
                {origin}
                {savedAtMs === undefined ? '' : ` ${formatDateTime(savedAtMs)}`}, {steps}{' '}
                {steps === 1 ? 'step' : 'steps'}
              </span>
            </span>
            {description !== undefined && (
              <span className="line-clamp-2 text-[13px] text-muted" title={description}>
                {description}
              </span>
            )}
          </Link>
        </li>
      ))}
    </ul>
  )
}
