import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { formatBytes } from '#protocol/units.ts'
import { modelsQuery } from '../app/queries.ts'
import type { SwarmNode } from '../app/swarm.ts'
import { EmptyNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Table } from '../components/table.tsx'
import { shortId } from '../lib/format.ts'

/** The models of which it holds some, by its lease. */
export function Holdings({ node: { models } }: { node: SwarmNode }) {
  const { data } = useQuery(modelsQuery)
  const sizes = new Map(data?.map(({ modelId, sizeBytes }) => [modelId, sizeBytes]))
  return (
    <Panel title="What it holds">
      {models.length === 0 ? (
        <EmptyNotice title="No model">
          Nobody asks it for anything until it holds one: <code className="font-mono">hart pull NAME</code>
        </EmptyNotice>
      ) : (
        <Table label="Models that it holds" head={['Model', 'Held', 'Of', 'Answers prompts']}>
          {models.map(({ modelId, name, heldChunks, chunkCount, canInfer }) => {
            const sizeBytes = sizes.get(modelId)
            return (
              <tr key={modelId}>
                <td>
                  <Link to="/models/$model" params={{ model: modelId }} className="underline">
                    {name ?? shortId(modelId)}
                  </Link>
                </td>
                <td>
                  <span className="flex items-center gap-2">
                    <span aria-hidden="true" className="h-2 w-20 overflow-hidden rounded bg-raised">
                      <span
                        className="block h-full bg-accent"
                        style={{ width: `${(100 * heldChunks) / Math.max(1, chunkCount)}%` }}
                      />
                    </span>
                    {chunkCount === 0 ? '–' : `${Math.floor((100 * heldChunks) / chunkCount)} %`}
                  </span>
                </td>
                <td title={`${chunkCount} chunks`}>{sizeBytes === undefined ? '–' : formatBytes(sizeBytes)}</td>
                <td>{canInfer ? 'yes' : 'no'}</td>
              </tr>
            )
          })}
        </Table>
      )}
    </Panel>
  )
}
