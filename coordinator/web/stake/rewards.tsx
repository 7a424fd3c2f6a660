import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useState } from 'react'
import type { ChainStateView, RewardEntry } from '#protocol/api/chain.ts'
import { Button } from '../components/button.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { Tip } from '../components/tip.tsx'
import { formatDateTime, shortId } from '../lib/format.ts'
import { Hart, shortHart } from './hart.tsx'
import { allRewards, rewardsQuery } from './queries.ts'
import { rewardsCsv } from './rewards-csv.ts'

/** What rewards and slashes did to the stake of one address, payment by payment. */
export function Rewards({ address, chain }: { address: string; chain: ChainStateView }) {
  const { data, error, refetch } = useQuery(rewardsQuery(address))
  const [isExporting, setExporting] = useState(false)
  const [problem, setProblem] = useState<unknown>()
  const save = async () => {
    setExporting(true)
    setProblem(undefined)
    try {
      download(`rewards-${address.toLowerCase()}.csv`, rewardsCsv(await allRewards(address)))
    } catch (cause) {
      setProblem(cause)
    } finally {
      setExporting(false)
    }
  }
  const hasRows = data !== undefined && data.rewards.length > 0
  const title = (
    <span className="flex flex-wrap items-center gap-x-4 gap-y-1 text-[13px] text-muted">
      {data !== undefined && (
        <span>
          <Hart wei={data.rewardedWei} /> in all
          {data.slashedWei !== '0' && (
            <>
              , <Hart wei={data.slashedWei} /> slashed
            </>
          )}{' '}
          <Tip
            label="How rewards are counted"
            text="Replayed from the events of Staking, to the wei: what each payment added to what the contract says this address has at stake, after the node's commission. The epoch is that in which it was paid; one payment covers all finalised epochs before it."
          />
        </span>
      )}
      <Button disabled={!hasRows} isBusy={isExporting} onClick={() => void save()}>
        <Download className="size-4" aria-hidden="true" />
        CSV
      </Button>
    </span>
  )
  return (
    <Panel title="Rewards" aside={title}>
      {problem !== undefined && <ErrorNotice error={problem} onRetry={() => void save()} />}
      {data === undefined && error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton className="h-24 w-full" />}
      {data !== undefined && !hasRows && (
        <EmptyNotice title="No reward has reached this address.">
          {chain.finalizedEpochs === 0
            ? 'No epoch has been finalised on this chain yet: an epoch is a day, and is paid after 12 hours more.'
            : 'Rewards go to the stake of nodes that worked: they grow a bond or a delegation.'}
        </EmptyNotice>
      )}
      {hasRows && (
        <div className="grid gap-3">
          <EpochBars rewards={data.rewards} isCut={data.nextCursor !== undefined} />
          <RewardTable rewards={data.rewards} />
          {data.nextCursor !== undefined && (
            <p className="text-[13px] text-muted">The last {data.rewards.length} payments; the CSV has all of them.</p>
          )}
        </div>
      )}
      {chain.skippedEpochs.count > 0 && (
        <p className="mt-2 text-[13px] text-muted">
          {chain.skippedEpochs.count === 1 ? 'One epoch was' : `${chain.skippedEpochs.count} epochs were`} finalised by
          nobody in time and will never be paid, to anyone: {chain.skippedEpochs.recent.join(', ')}
        </p>
      )}
    </Panel>
  )
}

function RewardTable({ rewards }: { rewards: readonly RewardEntry[] }) {
  return (
    <div className="max-h-80 overflow-y-auto">
      <Table label="Rewards by payment" head={['epoch', 'paid', 'HART', 'what', 'node', 'transaction']}>
        {rewards.map(({ epoch, atMs, kind, source, wei, node, transactionHash, blockNumber }) => (
          <tr key={`${transactionHash} ${node} ${kind} ${wei}`}>
            <td>{epoch}</td>
            <td className="whitespace-nowrap" title={`block ${blockNumber}`}>
              {formatDateTime(atMs)}
            </td>
            <td className={kind === 'slash' ? 'text-danger' : ''}>
              {kind === 'slash' ? '−' : '+'}
              <Hart wei={wei} unit={false} />
            </td>
            <td>{kind === 'slash' ? 'slash' : `${kind}, ${source}`}</td>
            <td className="font-mono text-[13px]" title={node}>
              {shortId(node)}
            </td>
            <td className="font-mono text-[13px]" title={transactionHash}>
              {shortId(transactionHash)}
            </td>
          </tr>
        ))}
      </Table>
    </div>
  )
}

const barsMax = 30
const barHeight = 48

/** What was paid in each epoch; the table below says the same in figures. @param isCut The oldest epoch may lack payments. */
function EpochBars({ rewards, isCut }: { rewards: readonly RewardEntry[]; isCut: boolean }) {
  const paid = rewards.filter(({ kind }) => kind !== 'slash')
  const [last, oldest] = [paid[0]?.epoch, paid.at(-1)?.epoch]
  if (last === undefined || oldest === undefined) return null
  const first = isCut ? Math.min(oldest + 1, last) : oldest
  const from = Math.max(first, last - barsMax + 1)
  const bars = Array.from({ length: last - from + 1 }, (_, index) => {
    const epoch = from + index
    const rows = paid.filter((entry) => entry.epoch === epoch)
    return { epoch, wei: rows.reduce((sum, { wei }) => sum + BigInt(wei), 0n) }
  })
  const most = bars.map(({ wei }) => wei).toSorted((a, b) => (a < b ? 1 : -1))[0] || 1n
  return (
    <figure>
      <svg
        viewBox={`0 0 ${barsMax * 10} ${barHeight}`}
        role="img"
        aria-label={`Rewards paid in epochs ${from} to ${last}; the table below has the figures`}
        className="h-12 w-full max-w-2xl"
        preserveAspectRatio="xMinYMax meet"
      >
        {bars.map(({ epoch, wei }, index) => {
          const height = Number((wei * BigInt(barHeight * 100)) / most) / 100
          return (
            <rect
              key={epoch}
              x={index * 10}
              y={barHeight - Math.max(height, 1)}
              width={8}
              height={Math.max(height, 1)}
              className={wei === 0n ? 'fill-line-strong' : 'fill-accent'}
            >
              <title>{`epoch ${epoch}: ${shortHart(wei)} HART`}</title>
            </rect>
          )
        })}
      </svg>
      <figcaption className="text-[13px] text-muted">
        epoch {from} to {last}, at most {shortHart(most)} HART in one
      </figcaption>
    </figure>
  )
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
