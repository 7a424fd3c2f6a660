import { StateShape, stateColours } from '../components/state-mark.tsx'
import { formatCompact } from '../lib/format.ts'
import type { Cell } from './cells.ts'
import { cellRadius } from './packing.ts'

const corners = Array.from({ length: 6 }, (_, at) => {
  const angle = (Math.PI / 3) * (at + 0.5)
  return `${(cellRadius * Math.cos(angle)).toFixed(2)} ${(cellRadius * Math.sin(angle)).toFixed(2)}`
})
const hexagon = `M${corners.join('L')}Z`

/**
 * A cell as it is drawn around its middle: colour and form say the state, a number how many nodes it stands for. Where they
 * are of several states, its edge is shared out among them.
 */
export function CellMark({ state, count, node, mix }: Cell) {
  return (
    <svg
      viewBox="-14 -14 28 28"
      aria-hidden="true"
      className={`pointer-events-none absolute top-1/2 left-1/2 size-7 -translate-1/2 ${stateColours[state]}`}
    >
      <path d={hexagon} className="pointer-events-auto fill-panel" />
      <path d={hexagon} fill="currentColor" fillOpacity={0.16} stroke="currentColor" strokeWidth={1.25} />
      {mix !== undefined && <Edge mix={mix} count={count} />}
      {node === undefined ? (
        <>
          <g transform="translate(-3.8 -9.4) scale(0.63)">
            <StateShape state={state} />
          </g>
          <text y={8} textAnchor="middle" className="fill-ink text-[9px] font-semibold">
            {formatCompact(count)}
          </text>
        </>
      ) : (
        <g transform="translate(-5.5 -5.5) scale(0.92)">
          <StateShape state={state} />
        </g>
      )}
    </svg>
  )
}

function Edge({ mix, count }: { mix: NonNullable<Cell['mix']>; count: number }) {
  let from = 0
  return mix.map(({ state, count: of }) => {
    const start = from
    from += of
    return (
      <path
        key={state}
        d={hexagon}
        pathLength={count}
        strokeDasharray={`${of} ${count - of}`}
        strokeDashoffset={-start}
        className={`fill-none stroke-current ${stateColours[state]}`}
        strokeWidth={2.75}
      />
    )
  })
}
