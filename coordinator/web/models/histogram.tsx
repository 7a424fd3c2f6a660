import type { TensorStatsView } from '#protocol/api/control.ts'
import { formatCount } from '../lib/format.ts'
import { formatValue } from './value.ts'

const heightPx = 64

/** How often values occur; of equal bins. */
export function Histogram({ histogram, count }: { histogram: TensorStatsView['histogram']; count: number }) {
  const { low, high, counts } = histogram
  const most = Math.max(1, ...counts)
  const step = (high - low) / counts.length
  return (
    <figure className="grid grid-cols-1 gap-1">
      <figcaption className="font-medium">How {formatCount(count)} values are spread</figcaption>
      <svg
        viewBox={`0 0 ${counts.length} ${heightPx}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Histogram from ${formatValue(low)} to ${formatValue(high)}`}
        className="h-16 w-full border-b border-line-strong text-accent"
      >
        {counts.map((each, at) => {
          const from = low + at * step
          // What occurs at all is seen.
          const height = each === 0 ? 0 : Math.max(1, (heightPx * each) / most)
          return (
            <rect key={from} x={at + 0.08} width="0.84" y={heightPx - height} height={height} fill="currentColor">
              <title>{`${formatValue(from)} to ${formatValue(from + step)}: ${formatCount(each)}`}</title>
            </rect>
          )
        })}
      </svg>
      <p className="flex justify-between text-[13px] text-muted">
        <span>{formatValue(low)}</span>
        <span>{formatValue(high)}</span>
      </p>
    </figure>
  )
}
