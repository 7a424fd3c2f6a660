import type { EarningsHistoryView } from '#protocol/api/earnings.ts'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes } from '#protocol/units.ts'
import { formatCount } from '../lib/format.ts'

/** Of the drawing, in its own units. */
const height = 64
const gap = 2

type Bucket = EarningsHistoryView['buckets'][number]

const hourOf = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const dayOf = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** Bars per hour or day: HART that were promised, or, where work is free, how many receipts there were. */
export function EarningsChart({ history, isPaid }: { history: EarningsHistoryView; isPaid: boolean }) {
  const { bucket, buckets } = history
  const name = ({ startMs }: Bucket) => (bucket === 'hour' ? hourOf : dayOf).format(startMs)
  // Only for the height of bars: exact amounts stay text.
  const size = (one: Bucket) => (isPaid ? Number(one.promisedWei) : one.receipts)
  const most = Math.max(...buckets.map(size))
  const words = (one: Bucket) =>
    `${name(one)}: ${formatHart(BigInt(one.promisedWei))} HART promised, ${formatCount(one.receipts)} receipts, ${formatBytes(one.bytes)}, ${formatCount(one.tokens)} tokens`
  const what = isPaid ? 'HART promised' : 'Receipts'
  const sum = isPaid
    ? `${formatHart(buckets.reduce((total, one) => total + BigInt(one.promisedWei), 0n))} HART`
    : `${formatCount(buckets.reduce((total, one) => total + one.receipts, 0))} receipts`
  const step = 100 / buckets.length
  return (
    <figure className="mb-3">
      <figcaption className="mb-1 text-[13px] text-muted">
        {what} per {bucket}: {sum} in all, from this node's own ledger
      </figcaption>
      <svg
        viewBox={`0 0 100 ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${what} per ${bucket}, ${sum} in the last ${buckets.length} ${bucket}s`}
        className="h-16 w-full border-b border-line-strong"
      >
        {buckets.map((one, index) => {
          const tall = most === 0 ? 0 : Math.max(size(one) > 0 ? 2 : 0, (height * size(one)) / most)
          return (
            <g key={one.startMs}>
              <title>{words(one)}</title>
              <rect x={index * step} y="0" width={step} height={height} fill="transparent" />
              <rect
                x={index * step + gap / 8}
                y={height - tall}
                width={step - gap / 4}
                height={tall}
                className="fill-accent"
              />
            </g>
          )
        })}
      </svg>
      <div aria-hidden="true" className="flex justify-between text-[11px] text-muted">
        <span>{name(buckets[0]!)}</span>
        <span>{name(buckets[Math.floor(buckets.length / 2)]!)}</span>
        <span>now</span>
      </div>
    </figure>
  )
}
