import { useQuery } from '@tanstack/react-query'
import type { ModelView, TensorView } from '#protocol/api/control.ts'
import { formatBytes } from '#protocol/units.ts'
import { modelsQuery } from '../app/queries.ts'
import { useScope } from '../app/session.ts'
import { CopyText } from '../components/copy-text.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { formatCompact, formatCount, shortId } from '../lib/format.ts'
import { Fact } from './fact.tsx'
import { PriceRange } from './price.tsx'
import { tensorsQuery } from './queries.ts'

/** What a model is, who publishes it, and what the swarm does with it. */
export function ModelFacts({ model }: { model: ModelView | undefined }) {
  if (model === undefined) return <Skeleton className="h-28 w-full" />
  const { modelId, publisher, licence, architecture, format, parameterCount, sizeBytes, heldBytes, chunkCount } = model
  return (
    <section aria-label="About the model" className="rounded-lg border border-line bg-panel p-3">
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-3 xl:grid-cols-6">
        <Fact name="licence">{licence || 'none is named'}</Fact>
        <Fact name="parameters">
          <span title={formatCount(parameterCount)}>{formatCompact(parameterCount)}</span>
        </Fact>
        <Fact name="size">
          <span title={`${formatCount(sizeBytes)} bytes in ${formatCount(chunkCount)} chunks`}>
            {formatBytes(sizeBytes)}
          </span>
        </Fact>
        <Fact name="make">
          {architecture} · {format.toUpperCase()}
          <Dtypes modelId={modelId} />
        </Fact>
        <InSwarm modelId={modelId} />
        <Fact name="on the coordinator's node">
          {heldBytes === 0
            ? 'nothing'
            : heldBytes === sizeBytes
              ? 'all of it'
              : `${formatBytes(heldBytes)} (${Math.floor((100 * heldBytes) / sizeBytes)} %)`}
        </Fact>
        <Fact name="model id">
          <CopyText text={modelId} shown={shortId(modelId)} label="the model id" />
        </Fact>
        <Fact name="publisher">
          <CopyText text={publisher} shown={shortId(publisher)} label="the publisher's peer id" />
        </Fact>
        <Fact name="get it">
          <CopyText text={`hart pull ${model.name}`} label="the command" />
        </Fact>
      </dl>
    </section>
  )
}

function InSwarm({ modelId }: { modelId: string }) {
  const { data } = useQuery(modelsQuery)
  const model = data?.find((each) => each.modelId === modelId)
  if (model === undefined) return null
  const { holders, wholeHolders, answerers, weiPerKiloToken } = model
  return (
    <Fact name="in the swarm">
      {wholeHolders} of {holders} {holders === 1 ? 'holder has' : 'holders have'} all of it; {answerers}{' '}
      {answerers === 1 ? 'answers' : 'answer'}
      {weiPerKiloToken !== undefined && (
        <>
          {' '}
          for <PriceRange wei={weiPerKiloToken} /> per 1,000 tokens
        </>
      )}
    </Fact>
  )
}

/** Number formats by their share of the bytes. */
function Dtypes({ modelId }: { modelId: string }) {
  const mayQuery = useScope('query')
  const { data } = useQuery({ ...tensorsQuery(modelId), enabled: mayQuery })
  if (data === undefined) return null
  return <span className="block text-[13px] text-muted">{dtypeText(data)}</span>
}

function dtypeText(tensors: readonly TensorView[]): string {
  const bytes = new Map<string, number>()
  for (const { dtype, sizeBytes } of tensors) bytes.set(dtype, (bytes.get(dtype) ?? 0) + sizeBytes)
  const total = tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return [...bytes]
    .sort(([, a], [, b]) => b - a)
    .map(([dtype, size]) => `${dtype} ${size === total ? '' : shareText(size / total)}`.trim())
    .join(', ')
}

function shareText(share: number): string {
  return share < 0.01 ? '< 1 %' : share > 0.99 ? '> 99 %' : `${Math.round(100 * share)} %`
}
