import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { isHartonomousError } from '#protocol/errors.ts'
import { client } from '../app/client.ts'
import { networkEventsQuery, snapshotQuery } from '../app/queries.ts'
import { CopyText } from '../components/copy-text.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { shortId } from '../lib/format.ts'
import { EventLine } from '../network/event-line.tsx'
import { Holdings } from './holdings.tsx'
import { NodeReceipts } from './node-receipts.tsx'
import { NodeState } from './node-state.tsx'
import { NodeTerms } from './node-terms.tsx'
import { ScorePanel } from './score-panel.tsx'

/** All that this coordinator knows of one node, and where it knows it from. */
export function NodePage() {
  const { peerId } = useParams({ from: '/nodes/$peerId' })
  const { data: swarm } = useQuery(snapshotQuery)
  const live = swarm?.nodes.find((node) => node.peerId === peerId)
  const { data, error, refetch } = useQuery({
    // Each lease that comes, and each change of state, asks anew.
    queryKey: ['node', peerId, live?.heardAtMs, live?.state],
    queryFn: ({ signal }) => client.call('getNode', { params: { peerId } }, { signal }),
    placeholderData: keepPreviousData,
  })
  // What the stream says of it is newer than what was asked for.
  const node = live ?? (data?.peerId === peerId ? { ...data, heardAtMs: Date.now() - data.ageMs } : undefined)
  const isUnknown = isHartonomousError(error, 'ERR_NOT_FOUND') && live === undefined
  return (
    <Page title={`Node ${shortId(peerId)}`} aside={<CopyText text={peerId} label="the peer id" />}>
      {isUnknown && (
        <Panel title="Not seen">
          <EmptyNotice title="This coordinator does not see this node">
            It has no lease of it that lives: it is not running, not of this network, or cannot be reached. Its owner
            sees more with <code className="font-mono">hart status</code>.
          </EmptyNotice>
        </Panel>
      )}
      {error !== null && !isUnknown && node === undefined && (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      )}
      {node === undefined && error === null && <Skeleton className="h-64 w-full" />}
      <div className="grid grid-cols-[minmax(0,1fr)] gap-3 lg:grid-cols-2">
        {node !== undefined && !isUnknown && (
          <>
            <NodeState node={node} />
            <Holdings node={node} />
            <NodeTerms node={node} />
            <ScorePanel node={node} standing={data?.peerId === peerId ? data.standing : undefined} />
          </>
        )}
        <History peerId={peerId} />
        <NodeReceipts peerId={peerId} />
      </div>
    </Page>
  )
}

function History({ peerId }: { peerId: string }) {
  const { data: latest } = useQuery(networkEventsQuery)
  const { data, error, refetch } = useQuery({
    queryKey: ['node-events', peerId, latest?.find((event) => 'peerId' in event && event.peerId === peerId)?.seq],
    queryFn: ({ signal }) => client.call('listNetworkEvents', { query: { peerId } }, { signal }),
    placeholderData: keepPreviousData,
  })
  return (
    <Panel title="What happened to it">
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton className="h-24 w-full" />}
      {data?.events.length === 0 && (
        <EmptyNotice title="Nothing is remembered">
          A coordinator remembers the last few hundred things that happened, until it stops.
        </EmptyNotice>
      )}
      {data !== undefined && data.events.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
        <section aria-label="Events of this node, newest first" tabIndex={0} className="max-h-72 overflow-y-auto">
          <ol className="divide-y divide-line">
            {data.events.map((event) => (
              <EventLine key={event.seq} event={event} isNodeKnown />
            ))}
          </ol>
        </section>
      )}
    </Panel>
  )
}
