import { type NodeState, nodeStates, StateMark, stateMeanings } from '../components/state-mark.tsx'
import { formatCount } from '../lib/format.ts'
import { statesText } from './node-filter.ts'

interface LegendProps {
  counts: ReadonlyMap<NodeState, number>
  shown: ReadonlySet<NodeState>
  /** As the address has it; undefined: all. */
  onShow: (states: string | undefined) => void
}

/** What colours and forms mean; pressed, it shows nodes of that state alone, and of each further one that is pressed. */
export function Legend({ counts, shown, onShow }: LegendProps) {
  const isAll = shown.size === nodeStates.length
  const toggle = (state: NodeState) => {
    const next = new Set(isAll ? [] : shown)
    if (!next.delete(state)) next.add(state)
    onShow(statesText(next))
  }
  return (
    <ul aria-label="States: press one to show it alone" className="flex flex-wrap gap-1">
      {nodeStates.map((state) => {
        const isPressed = !isAll && shown.has(state)
        const look = isPressed ? 'border-accent bg-accent-soft' : 'border-transparent hover:bg-raised'
        const isDim = !isAll && !isPressed
        return (
          <li key={state}>
            <button
              type="button"
              aria-pressed={isPressed}
              data-state={state}
              title={stateMeanings[state]}
              onClick={() => toggle(state)}
              className={`flex min-h-6 items-center gap-1.5 rounded-md border px-1.5 text-[13px] ${look} ${isDim ? 'text-muted' : ''}`}
            >
              <StateMark state={state} />
              {state}
              <span className="text-muted">{formatCount(counts.get(state) ?? 0)}</span>
            </button>
          </li>
        )
      })}
    </ul>
  )
}
