/** Why requests of peers are refused, and what was asked in words: for commands, the node's state and its page. */
import type { ActivityView } from './activity.ts'

/**
 * `paused`: by its owner or its schedule, or draining. `policy`: it does not answer peers. `busy`: all slots and places are
 * taken. `absent`: it does not hold what was asked for. `unpaid`: no pay was offered, or none came. `unreachable`: no data
 * connection could be made. `unsupported`: it cannot run the model, or what was asked of it. `failed`: disk or engine.
 */
export const refusalReasons = [
  'paused',
  'policy',
  'busy',
  'absent',
  'unpaid',
  'unreachable',
  'unsupported',
  'failed',
] as const
export type RefusalReason = (typeof refusalReasons)[number]

/** As sentences have them: `3 refused: 2 for what is not here, 1 while paused`. */
export const refusalWords: Record<RefusalReason, string> = {
  paused: 'while paused',
  policy: 'because it answers no peers',
  busy: 'because all places were taken',
  absent: 'for what is not here',
  unpaid: 'because nobody paid',
  unreachable: 'because no data connection could be made',
  unsupported: 'that it cannot run',
  failed: 'because something failed',
}

export type AskedWork = 'chunks' | 'answers'
type Refusals = [work: AskedWork, reason: RefusalReason, count: number]

/** All refusals of the window, most frequent first. */
export function refusalsOf({ chunks, answers }: ActivityView): Refusals[] {
  const of = (work: AskedWork, refused: ActivityView[AskedWork]['refused']) =>
    Object.entries(refused).map(([reason, count]): Refusals => [work, reason as RefusalReason, count])
  return [...of('chunks', chunks.refused), ...of('answers', answers.refused)].sort((a, b) => b[2] - a[2])
}

/** `nobody asked in the last hour`, or what was asked and how much of it was refused. */
export function describeActivity(activity: ActivityView): string {
  const { chunks, answers } = activity
  const refusals = refusalsOf(activity)
  const served = [
    ...(chunks.served > 0 ? [`${chunks.served} requests for chunks`] : []),
    ...(answers.served > 0 ? [`${answers.served} prompt${answers.served === 1 ? '' : 's'}`] : []),
  ]
  if (served.length + refusals.length === 0) return 'nobody asked for anything in the last hour'
  const total = refusals.reduce((sum, [, , count]) => sum + count, 0)
  const byReason = new Map<RefusalReason, number>()
  for (const [, reason, count] of refusals) byReason.set(reason, (byReason.get(reason) ?? 0) + count)
  const why = [...byReason].map(([reason, count]) => `${count} ${refusalWords[reason]}`).join(', ')
  const did = served.length > 0 ? `served ${served.join(' and ')} in the last hour` : 'served nobody in the last hour'
  return total === 0 ? did : `${did}; ${total} refused: ${why}`
}
