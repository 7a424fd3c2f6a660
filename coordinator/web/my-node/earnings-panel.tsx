import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { EarningsHistoryView, EarningsView } from '#protocol/api/earnings.ts'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes } from '#protocol/units.ts'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Stat } from '../components/stat.tsx'
import { Table } from '../components/table.tsx'
import { formatCount, formatDateTime, shortId } from '../lib/format.ts'
import { EarningsChart } from './earnings-chart.tsx'
import { earningsQuery, historyQuery } from './node-data.ts'

/** What came in, what of it is paid, and what was done for nothing and why. */
export function EarningsPanel({ problem }: { problem: string | undefined }) {
  const { data, error, refetch } = useQuery(earningsQuery)
  const [bucket, setBucket] = useState<'hour' | 'day'>('hour')
  const history = useQuery(historyQuery(bucket)).data
  return (
    <Panel
      title="Earnings"
      aside={
        <fieldset className="flex gap-1">
          <legend className="sr-only">Time shown</legend>
          {(['hour', 'day'] as const).map((each) => (
            <Button
              key={each}
              tone={bucket === each ? 'plain' : 'quiet'}
              aria-pressed={bucket === each}
              onClick={() => setBucket(each)}
            >
              {each === 'hour' ? '24 hours' : '30 days'}
            </Button>
          ))}
        </fieldset>
      }
    >
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton className="h-40 w-full" />}
      {data !== undefined && <Sums earnings={data} problem={problem} />}
      {history !== undefined && (
        <>
          <EarningsChart history={history} isPaid={data?.chain !== undefined} />
          <Entries entries={history.entries} />
        </>
      )}
    </Panel>
  )
}

function Sums({ earnings, problem }: { earnings: EarningsView; problem: string | undefined }) {
  if (earnings.chain === undefined)
    return (
      <p className="mb-3">
        This node is on no chain: its work is free, {formatCount(earnings.freeReceipts)} receipts so far.{' '}
        <span className="text-muted">
          hart config set chain.rpc URL names a chain; then a price above 0 under Limits asks for pay.
        </span>
      </p>
    )
  const unpaid = earnings.channels.filter(({ unpaidWei }) => unpaidWei !== '0')
  return (
    <>
      <dl className="-mx-3 mb-2 grid grid-cols-2 sm:grid-cols-4">
        <Amount
          label="Promised"
          wei={earnings.promisedWei}
          how="Sum of the highest voucher of each channel: what payers have signed for, ever."
        />
        <Amount
          label="Paid"
          wei={earnings.claimedWei}
          how="What the escrow contract has paid out for these vouchers, as of the last look at the chain."
        />
        <Amount
          label="Claimable"
          wei={earnings.claimableWei}
          how="What a claim would pay now: promised, not yet paid, and covered by the payers' escrow."
        />
        <Amount
          label="Unpaid"
          wei={earnings.unpaidWei}
          how="Work that was done beyond what its payer promised by the end of the session. Nobody owes it on the chain."
        />
      </dl>
      {(problem ?? earnings.chainProblem) !== undefined && (
        <p className="mb-2 rounded-md bg-warn-soft px-2 py-1">
          The chain was not asked: {problem ?? earnings.chainProblem}
        </p>
      )}
      {unpaid.length > 0 && (
        <ul className="mb-2 grid gap-1 text-[13px]">
          {unpaid.map(({ payer, modelId, model, unpaidWei, unpaidWhy }) => (
            <li key={`${payer} ${modelId}`}>
              Unpaid: {formatHart(BigInt(unpaidWei))} HART by <code title={payer}>{shortId(payer)}</code> for{' '}
              {model ?? shortId(modelId)}
              {unpaidWhy === undefined ? '' : `, because ${unpaidWhy}`}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

function Amount({ label, wei, how }: { label: string; wei: string; how: string }) {
  const exact = formatHart(BigInt(wei))
  return <Stat label={label} value={shortAmount(exact)} detail="HART" how={how} full={`${exact} HART`} />
}

/** Six decimals are shown, all 18 on hover; what is less than that is told as less. */
function shortAmount(exact: string): string {
  const [whole = '0', fraction = ''] = exact.split('.')
  if (fraction.length <= 6) return exact
  const short = fraction.slice(0, 6).replace(/0+$/, '')
  if (whole === '0' && short === '') return '<0.000001'
  return short === '' ? whole : `${whole}.${short}`
}

function Entries({ entries }: { entries: EarningsHistoryView['entries'] }) {
  if (entries.length === 0) return <p className="mt-2 text-muted">No voucher and no receipt yet.</p>
  return (
    <Table label="Newest vouchers and receipts" head={['When', 'What', 'Model', 'By', 'HART']}>
      {entries.map((entry, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: entries have no name of their own; the newest is the first.
        <tr key={index}>
          <td className="whitespace-nowrap">{formatDateTime(entry.atMs)}</td>
          <td className="whitespace-nowrap">{entry.type === 'voucher' ? 'voucher' : `receipt, ${workOf(entry)}`}</td>
          <td className="max-w-40 truncate" title={entry.modelId}>
            {entry.model ?? shortId(entry.modelId)}
          </td>
          <td>
            <code title={entry.payer}>{shortId(entry.payer)}</code>
          </td>
          <td title={`${entry.wei} wei`}>{shortAmount(formatHart(BigInt(entry.wei)))}</td>
        </tr>
      ))}
    </Table>
  )
}

function workOf({ bytes, tokens }: EarningsHistoryView['entries'][number]): string {
  return tokens > 0 ? `${formatCount(tokens)} tokens` : formatBytes(bytes)
}
