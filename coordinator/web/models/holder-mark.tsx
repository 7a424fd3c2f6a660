import { holderClass } from './coverage-cells.ts'

/** Rows of four steps, as in the strip: how high it stands says how many hold it, and the number says it exactly. */
export function HolderMark({ holders }: { holders: number }) {
  const steps = holderClass(holders)
  const colour = steps === 0 ? 'text-danger' : steps === 1 ? 'text-warn' : 'text-accent'
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap" title={`held by ${holders} nodes`}>
      <svg viewBox="0 0 12 12" aria-hidden="true" className={`size-3 ${colour}`}>
        {[1, 2, 3].map((step) => (
          <rect
            key={step}
            x={4 * step - 3.5}
            y={12 - 4 * step + 0.5}
            width="3"
            height={4 * step - 1}
            fill={step <= steps ? 'currentColor' : 'none'}
            stroke="currentColor"
            strokeWidth="0.75"
          />
        ))}
      </svg>
      <span className={steps < 2 ? `font-semibold ${colour}` : ''}>
        {holders} <span className="sr-only">{holders === 1 ? 'holder' : 'holders'}</span>
      </span>
    </span>
  )
}
