/** From what was refused to the one thing that would change most of it: a pure function, in words for the owner. */
import type { ActivityView } from '#protocol/api/activity.ts'
import { type AskedWork, type RefusalReason, refusalsOf } from '#protocol/api/refusals.ts'
import { formatBytes, formatRate } from '#protocol/units.ts'

export interface ActivityFacts {
  activity: ActivityView
  /** Why it is paused now; empty where it is not. */
  pausedBy: string
  slots: number
  pledgeBytes: number
  /** 0 is no cap. */
  uploadCapBytesPerSecond: number
  isLoopbackOnly: boolean
  /** Nodes that ask less for what this one holds; 0 where it asks nothing. */
  cheaperHolders: number
}

/** One action; undefined where nothing that is known would help. */
export function helpfulAction(facts: ActivityFacts): string | undefined {
  const most = refusalsOf(facts.activity)[0]
  if (most !== undefined) return actionFor(most[0], most[1], facts)
  if (facts.activity.chunks.served + facts.activity.answers.served > 0) return undefined
  if (facts.isLoopbackOnly) return 'only this machine can reach it: hart up --public listens on all addresses'
  if (facts.cheaperHolders > 0) {
    const others = facts.cheaperHolders === 1 ? 'another node asks' : `${facts.cheaperHolders} other nodes ask`
    return `${others} less for what it holds: hart config set payment.pricePerGiB lowers the price`
  }
  return undefined
}

function actionFor(work: AskedWork, reason: RefusalReason, facts: ActivityFacts): string | undefined {
  switch (reason) {
    case 'paused':
      return facts.pausedBy === '' ? undefined : 'hart resume takes work again'
    case 'policy':
      return 'hart config set inference.forPeers true answers prompts of peers'
    case 'busy':
      if (work === 'answers')
        return `hart config set inference.slots ${facts.slots + 1} answers more at the same time, from its next start on`
      if (facts.uploadCapBytesPerSecond === 0) return undefined
      return `the upload cap is ${formatRate(facts.uploadCapBytesPerSecond)}: hart config set data.uploadRate raises it`
    case 'absent':
      return `it offers ${formatBytes(facts.pledgeBytes)}: hart config set pledge.disk gives room for more of what is asked for`
    case 'unpaid':
      return `hart config set ${work === 'answers' ? 'payment.pricePerKiloToken' : 'payment.pricePerGiB'} lowers the price`
    case 'unreachable':
      return facts.isLoopbackOnly
        ? 'only this machine can reach it: hart up --public listens on all addresses'
        : 'hart doctor checks how others reach its data port'
    case 'unsupported':
      return 'hart status shows what the engine can run'
    case 'failed':
      return 'hart doctor checks disk and engine'
  }
}
