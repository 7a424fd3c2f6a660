import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { SwarmModelView } from '#protocol/api/network.ts'
import { formatBytes } from '#protocol/units.ts'
import { coverageQuery } from '../app/queries.ts'
import { Age } from '../components/age.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Tip } from '../components/tip.tsx'
import { formatCount, shortId } from '../lib/format.ts'
import { CoverageStrip } from './coverage-strip.tsx'
import { PriceRange } from './price.tsx'
import { rarestText } from './rarest-part.ts'
import { sourceTexts } from './source-text.ts'

/** One model of the swarm. `readAtMs` is when the list came. */
export function ModelRow({ model, readAtMs }: { model: SwarmModelView; readAtMs: number }) {
  const { modelId, name, publisher, licence, sizeBytes, source, ageMs } = model
  const { holders, wholeHolders, answerers, weiPerKiloToken } = model
  return (
    <li className="grid items-start gap-x-6 gap-y-2 border-b border-line p-3 last:border-0 lg:grid-cols-[minmax(14rem,1fr)_minmax(18rem,2fr)_22rem]">
      <div className="min-w-0">
        <h2 className="truncate text-base font-semibold">
          <Link to="/models/$model" params={{ model: modelId }} className="text-accent hover:underline" title={modelId}>
            {name}
          </Link>
        </h2>
        <p className="truncate text-[13px] text-muted" title={`${formatCount(sizeBytes)} bytes, licence ${licence}`}>
          {formatBytes(sizeBytes)} · {licence}
        </p>
        <p className="truncate text-[13px] text-muted">
          by <span title={publisher}>{shortId(publisher)}</span> ·{' '}
          <span title={sourceTexts[source]}>
            {source} <Age atMs={readAtMs - ageMs} />
          </span>
        </p>
      </div>
      <RowCoverage modelId={modelId} />
      <dl className="grid grid-cols-3 gap-3">
        <Figure
          name="copies"
          how="Whole ones: nodes whose leases say that they hold every chunk of it. Below, all that hold at least some of it."
          detail={`of ${holders} ${holders === 1 ? 'holder' : 'holders'}`}
        >
          {formatCount(wholeHolders)}
        </Figure>
        <Figure
          name="answer"
          how="Nodes that answer prompts with it, by their leases: they hold all of it, and their engine reads its format."
          detail={answerers === 0 ? 'nobody now' : answerers === 1 ? 'node' : 'nodes'}
        >
          {formatCount(answerers)}
        </Figure>
        <Figure
          name="price"
          how="For 1,000 tokens: what the cheapest and the dearest node that answers ask."
          detail="per 1,000 tokens"
        >
          <PriceRange wei={weiPerKiloToken} />
        </Figure>
      </dl>
    </li>
  )
}

function Figure({ name, how, detail, children }: { name: string; how: string; detail: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="flex items-center gap-1 text-[13px] text-muted">
        {name} <Tip text={how} label={`How ${name} is counted`} />
      </dt>
      <dd>
        <span className="font-semibold">{children}</span>
        <span className="block text-[13px] text-muted">{detail}</span>
      </dd>
    </div>
  )
}

function RowCoverage({ modelId }: { modelId: string }) {
  const { data, error, refetch } = useQuery(coverageQuery(modelId))
  if (error !== null && data === undefined) return <ErrorNotice error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton className="h-6 w-full" />
  return (
    <div className="min-w-0">
      <CoverageStrip coverage={data} />
      <p className={`mt-1 text-[13px] ${data.holdersMin < 2 ? 'font-medium text-warn' : 'text-muted'}`}>
        {rarestText(data)}
      </p>
    </div>
  )
}
