import type { ReactNode } from 'react'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes, formatRate } from '#protocol/units.ts'
import { useLive } from '../app/live.ts'
import type { Swarm } from '../app/swarm.ts'
import { Age, useIsStale } from '../components/age.tsx'
import { Stat } from '../components/stat.tsx'
import { formatCompact, formatCount } from '../lib/format.ts'

interface Figure {
  label: string
  how: string
  value: (swarm: Swarm) => ReactNode
  detail: (swarm: Swarm) => ReactNode
  full?: (swarm: Swarm) => string
}

const figures: readonly Figure[] = [
  {
    label: 'Nodes',
    how: 'Nodes whose signed lease this coordinator has and that has not run out (30 s without a new one). Ready: they answered its last probe.',
    value: ({ totals }) => formatCount(totals.nodes),
    detail: ({ totals }) => `${formatCount(totals.nodesReady)} ready`,
  },
  {
    label: 'Held',
    how: 'What the leases say that nodes hold, in chunks, times the sizes of those models. Each copy counts. Upload: what the nodes offer together.',
    value: ({ totals }) => formatBytes(totals.heldBytes),
    detail: ({ totals }) => `${formatRate(totals.uploadBytesPerSecond)} upload`,
    full: ({ totals }) => `${formatCount(totals.heldBytes)} bytes`,
  },
  {
    label: 'Models whole',
    how: 'Whole: one node says that it holds all of it, or all of its parts were found when they were last counted. Partial: some of it is held, and not all was found.',
    value: ({ totals }) => formatCount(totals.modelsWhole),
    detail: ({ totals }) => `${formatCount(totals.modelsPartial)} partial of ${formatCount(totals.models)} offered`,
  },
  {
    label: 'Tokens a second',
    how: 'Completion tokens of the answers to jobs of this coordinator that ended in the last minute, by 60. Answers that nodes give to others are not seen here.',
    value: ({ totals }) => (totals.tokensPerSecond === undefined ? '–' : totals.tokensPerSecond.toFixed(1)),
    detail: ({ totals }) =>
      totals.tokensPerSecond === undefined ? 'no answer in the last minute' : 'in the last minute',
  },
  {
    label: 'Slots free',
    how: 'Answers that the nodes that answer prompts can give at the same time, as their leases say. Jobs: those of this coordinator, in work now and ended in the last 24 hours.',
    value: ({ totals }) => `${formatCount(totals.inferenceSlotsFree)} of ${formatCount(totals.inferenceSlots)}`,
    detail: ({ totals }) => `${formatCount(totals.jobsRunning)} jobs in work, ${formatCount(totals.jobsToday)} today`,
  },
  {
    label: 'Staked',
    how: 'What a slash could take from the nodes that are seen, read from the chain; the bond of one payee counts once, however many nodes it has.',
    value: ({ totals }) => (totals.stakedWei === undefined ? '–' : formatCompact(Number(hartOf(totals.stakedWei)))),
    detail: ({ totals }) => (totals.stakedWei === undefined ? 'no bond was seen' : 'HART'),
    full: ({ totals }) => (totals.stakedWei === undefined ? 'none' : `${hartOf(totals.stakedWei)} HART`),
  },
]

function hartOf(wei: string): string {
  return formatHart(BigInt(wei))
}

/** The network in six figures, and how old they are. */
export function Totals({ swarm, readAtMs }: { swarm: Swarm | undefined; readAtMs: number }) {
  const isStale = useIsOld()
  return (
    <section aria-label="The network in figures" className="rounded-lg border border-line bg-panel">
      <dl className="grid grid-cols-2 divide-line sm:grid-cols-3 xl:grid-cols-6 xl:divide-x">
        {figures.map(({ label, how, value, detail, full }) => (
          <Stat
            key={label}
            label={label}
            how={how}
            isStale={isStale}
            value={swarm === undefined ? undefined : value(swarm)}
            {...(swarm === undefined ? {} : { detail: detail(swarm) })}
            {...(swarm === undefined || full === undefined ? {} : { full: full(swarm) })}
          />
        ))}
      </dl>
      <p className={`border-t border-line px-3 py-1 text-[13px] ${isStale ? 'text-stale' : 'text-muted'}`}>
        Counted by this coordinator from the leases that it hears
        {swarm !== undefined && (
          <>
            {', '}
            <Age atMs={readAtMs} />
          </>
        )}
        .
      </p>
    </section>
  )
}

/** The stream has been lost for a while: nothing tells any more what has changed. */
export function useIsOld(): boolean {
  const { isConnected, sinceMs } = useLive()
  return useIsStale(sinceMs) && !isConnected
}
