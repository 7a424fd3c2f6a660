import type { ActivityView } from '#protocol/api/activity.ts'
import { type AskedWork, describeActivity, refusalsOf, refusalWords } from '#protocol/api/refusals.ts'
import { formatBytes } from '#protocol/units.ts'
import { Panel } from '../components/panel.tsx'
import { Tip } from '../components/tip.tsx'
import { formatCount } from '../lib/format.ts'

const workNames: Record<AskedWork, string> = { chunks: 'Chunks', answers: 'Prompts' }

/** What peers asked for in the last hour: why an idle node is idle, by reason and count. */
export function AskedPanel({ activity }: { activity: ActivityView }) {
  const refusals = refusalsOf(activity)
  const { chunks, answers } = activity
  const total = refusals.reduce((sum, [, , count]) => sum + count, 0) + chunks.served + answers.served
  return (
    <Panel
      title="Asked of it in the last hour"
      aside={
        <Tip
          label="How requests are counted"
          text="Counted by this node, by the minute, where it answers or refuses: requests of peers for blocks of chunks, for connections, and for answers. Your own prompts do not count. A count begins with the start of the node."
        />
      }
    >
      <p className="first-letter:uppercase">{describeActivity(activity)}.</p>
      {activity.help !== undefined && (
        <p className="mt-1 rounded-md bg-accent-soft px-2 py-1">
          <span className="font-medium">What would help most: </span>
          {activity.help}
        </p>
      )}
      {total > 0 && (
        <ul className="mt-3 grid gap-1.5">
          {chunks.served > 0 && (
            <Bar
              label={`Chunks sent, ${formatBytes(chunks.bytes)}`}
              count={chunks.served}
              total={total}
              colour="bg-ready"
            />
          )}
          {answers.served > 0 && (
            <Bar
              label={`Prompts answered, ${formatCount(answers.tokens)} tokens`}
              count={answers.served}
              total={total}
              colour="bg-ready"
            />
          )}
          {refusals.map(([work, reason, count]) => (
            <Bar
              key={`${work} ${reason}`}
              label={`${workNames[work]} refused ${refusalWords[reason]}`}
              count={count}
              total={total}
              colour="bg-busy"
            />
          ))}
        </ul>
      )}
    </Panel>
  )
}

interface BarProps {
  label: string
  count: number
  total: number
  colour: string
}

/** The figure says it, the bar shows its share. */
function Bar({ label, count, total, colour }: BarProps) {
  return (
    <li>
      <div className="flex justify-between gap-3">
        <span className="min-w-0">{label}</span>
        <span className="font-medium">{formatCount(count)}</span>
      </div>
      <div aria-hidden="true" className="mt-0.5 h-1.5 rounded bg-raised">
        <div className={`h-full min-w-0.5 rounded ${colour}`} style={{ width: `${(100 * count) / total}%` }} />
      </div>
    </li>
  )
}
