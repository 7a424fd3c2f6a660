import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { formatHart } from '#protocol/hart.ts'
import { client } from '../app/client.ts'
import { useScope } from '../app/session.ts'
import { Age } from '../components/age.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { formatCount } from '../lib/format.ts'

/** Jobs that are looked through, newest first. */
const jobsLookedAt = 200

/** What it signed for work on jobs of whoever looks. */
export function NodeReceipts({ peerId }: { peerId: string }) {
  const mayRead = useScope('jobs:read')
  const { data, error, refetch } = useQuery({
    queryKey: ['jobs', 'receipts'],
    enabled: mayRead,
    queryFn: ({ signal }) => client.call('listReceipts', { query: { limit: jobsLookedAt } }, { signal }),
  })
  const receipts = data?.receipts.filter((receipt) => receipt.peerId === peerId)
  return (
    <Panel title="Receipts of your jobs">
      {!mayRead && (
        <EmptyNotice title="Sign in to see them">
          A receipt is between a node and whoever submitted the job.
        </EmptyNotice>
      )}
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {mayRead && data === undefined && error === null && <Skeleton className="h-24 w-full" />}
      {receipts?.length === 0 && (
        <EmptyNotice title="None">
          It signed none for your last {jobsLookedAt} jobs. Work without a price has no receipt.
        </EmptyNotice>
      )}
      {receipts !== undefined && receipts.length > 0 && (
        <Table label="Receipts that it signed" head={['Job', 'Tokens', 'Due', 'When']}>
          {receipts.map(({ jobId, attempt, promptTokens, completionTokens, dueWei, atMs }) => (
            <tr key={`${jobId} ${attempt}`}>
              <td>
                <Link to="/jobs/$jobId" params={{ jobId }} className="font-mono text-[13px] underline">
                  {jobId}
                </Link>
              </td>
              <td>{formatCount(promptTokens + completionTokens)}</td>
              <td>{formatHart(BigInt(dueWei))} HART</td>
              <td>
                <Age atMs={atMs} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  )
}
