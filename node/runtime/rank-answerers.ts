/** Which of several peers is asked for an answer first. */
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { Standing } from '../standing/index.ts'

/** Peers whose loads or round trips differ by less than a step of these are as good as each other; then standing decides. */
const loadStep = 0.25
/** One token takes a model of this size 20-50 ms: a person does not see the difference. */
const rttStepMs = 50

export interface Answerer {
  lease: Lease
  rttMs: number
  /** Failed lately. */
  isShunned: boolean
}

/**
 * Free slots first, then low load, then a short round trip; among equals the standing decides, by lot. After all these who
 * has failed lately, and last of all those against whom there is evidence.
 */
export function rankAnswerers<T extends Answerer>(
  answerers: readonly T[],
  standing: Pick<Standing, 'order' | 'isSuspect'>,
): T[] {
  const ranked = standing
    .order(answerers, ({ lease }) => lease.peerId)
    .map((answerer) => ({ answerer, rank: rankOf(answerer, standing.isSuspect(answerer.lease.peerId)) }))
  // A stable sort: equals stay in the order of their standing.
  return ranked.sort((a, b) => compare(a.rank, b.rank)).map(({ answerer }) => answerer)
}

/** Lower is better, the first difference decides. */
function rankOf({ lease, rttMs, isShunned }: Answerer, isSuspect: boolean): number[] {
  const isFull = lease.inferenceSlotsFree === 0
  return [
    Number(isSuspect),
    Number(isShunned),
    Number(isFull),
    Math.floor(lease.load / loadStep),
    Math.floor(rttMs / rttStepMs),
  ]
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : a[at]! - b[at]!
}
