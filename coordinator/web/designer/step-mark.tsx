import { formatDuration } from '#protocol/units.ts'
import { useNow } from '../app/clock.ts'
import { type NodeState, StateMark, stateColours } from '../components/state-mark.tsx'
import type { StepRun, StepStatus } from './run.ts'

/** The forms are those that nodes have: full is done, a diamond works, a cross is broken. */
const looks: Readonly<Record<StepStatus, NodeState>> = {
  running: 'busy',
  waiting: 'paused',
  succeeded: 'ready',
  failed: 'unreachable',
  'passed over': 'stale',
  stopped: 'stale',
}

/** Form, word, and how long it took; of one that runs, how long it has by this browser's clock. */
export function StepMark({ run }: { run: StepRun }) {
  const { status, startedAtMs, endedAtMs } = run
  const look = looks[status]
  return (
    <span className={`inline-flex items-center gap-1.5 font-medium whitespace-nowrap ${stateColours[look]}`}>
      <StateMark state={look} />
      {status}
      {startedAtMs !== undefined && endedAtMs !== undefined && (
        <span className="font-normal text-muted">{formatDuration(endedAtMs - startedAtMs)}</span>
      )}
      {startedAtMs !== undefined && status === 'running' && <Since atMs={startedAtMs} />}
    </span>
  )
}

function Since({ atMs }: { atMs: number }) {
  const seconds = Math.max(0, Math.floor((useNow() - atMs) / 1000))
  return <span className="font-normal text-muted">{seconds} s</span>
}
