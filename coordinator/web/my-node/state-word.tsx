import { ArrowDownToLine, CircleDashed, CirclePause, Hourglass, LoaderCircle, Radio, TriangleAlert } from 'lucide-react'
import type { NodeState } from '#protocol/api/control.ts'

/** Each state has a form of its own beside its colour and word. */
const looks = {
  starting: { Icon: LoaderCircle, colour: 'text-muted' },
  fetching: { Icon: ArrowDownToLine, colour: 'text-alive' },
  serving: { Icon: Radio, colour: 'text-ready' },
  idle: { Icon: CircleDashed, colour: 'text-busy' },
  paused: { Icon: CirclePause, colour: 'text-paused' },
  draining: { Icon: Hourglass, colour: 'text-busy' },
  degraded: { Icon: TriangleAlert, colour: 'text-danger' },
} as const

export function StateWord({ state }: { state: NodeState }) {
  const { Icon, colour } = looks[state]
  return (
    <span className={`inline-flex items-center gap-2 text-2xl font-semibold ${colour}`}>
      <Icon aria-hidden="true" className="size-6 shrink-0" />
      {state}
    </span>
  )
}
