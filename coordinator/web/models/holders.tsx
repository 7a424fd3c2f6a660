import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { NodeView } from '#protocol/api/network.ts'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { StateBadge } from '../components/state-mark.tsx'
import { Table } from '../components/table.tsx'
import { shortId } from '../lib/format.ts'
import { holdersQuery } from './queries.ts'
import { nodeCount } from './rarest-part.ts'

const shownStep = 10

/** Who has it. `holders` is how many hold all of the selected part. */
export function Holders({ modelId, holders }: { modelId: string; holders: number }) {
  const { data, error, refetch } = useQuery(holdersQuery(modelId))
  const [shownMax, setShownMax] = useState(shownStep)
  const nodes = data?.map((node) => ({ node, ...shareOf(node, modelId) })).sort((a, b) => b.share - a.share)
  const whole = nodes?.filter(({ share }) => share === 1).length ?? 0
  return (
    <section aria-label="Holders">
      <h3 className="font-semibold">Held by {nodeCount(holders)}</h3>
      {error !== null && data === undefined && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {nodes === undefined && error === null && <Skeleton className="mt-2 h-16 w-full" />}
      {nodes !== undefined && nodes.length > 0 && (
        <>
          <p className="mb-1 text-[13px] text-muted">
            {whole >= holders
              ? 'Those that hold the whole model have it:'
              : `${whole} hold the whole model; ${nodeCount(holders - whole)} of those with a share of it hold this part:`}
          </p>
          <Table label="Nodes that hold some of the model" head={['node', 'state', 'of the model', 'region']}>
            {nodes.slice(0, shownMax).map(({ node, held, count, share }) => (
              <tr key={node.peerId}>
                <td>
                  <Link
                    to="/nodes/$peerId"
                    params={{ peerId: node.peerId }}
                    title={node.peerId}
                    className="font-mono text-[13px] text-accent hover:underline"
                  >
                    {shortId(node.peerId)}
                  </Link>
                </td>
                <td>
                  <StateBadge state={node.state} reason={node.reason} />
                </td>
                <td title={`${held} of ${count} chunks`}>{share === 1 ? 'all' : `${Math.floor(100 * share)} %`}</td>
                <td>{node.region || 'not told'}</td>
              </tr>
            ))}
          </Table>
          {nodes.length > shownMax && (
            <Button className="mt-2" onClick={() => setShownMax(shownMax + 10 * shownStep)}>
              Show more of {nodes.length}
            </Button>
          )}
        </>
      )}
    </section>
  )
}

function shareOf({ models }: NodeView, modelId: string): { held: number; count: number; share: number } {
  const { heldChunks: held = 0, chunkCount: count = 0 } = models.find((each) => each.modelId === modelId) ?? {}
  return { held, count, share: count === 0 ? 0 : held / count }
}
