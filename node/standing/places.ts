/** More peers than places: who gives way to whom. */
import { newcomerShare } from './order.ts'
import { groupOf, type StandingGroup } from './score.ts'

export interface Place<T> {
  holder: T
  score: number
  bytesPerSecond: number
  /** Has brought nothing for so long that anybody may have its place, for as long as that. 0: it is of use. */
  uselessMs: number
}

/**
 * Whose place a candidate gets; undefined when all of them are better used as they are. All `places` are taken.
 *
 * Who is of no use goes first. Else a peer under suspicion gives way to any other, and so does the slowest newcomer to a
 * proven peer where newcomers have more than their share, or the slowest proven peer to a newcomer where they have less.
 */
export function whoGivesWay<T>(candidateScore: number, places: readonly Place<T>[]): Place<T> | undefined {
  const useless = places.filter(({ uselessMs }) => uselessMs > 0)
  if (useless.length > 0)
    return useless.reduce((a, b) => (b.score < a.score || (b.score === a.score && b.uselessMs > a.uselessMs) ? b : a))
  const candidate = groupOf(candidateScore)
  if (candidate === 'suspect') return undefined
  const slowest = (group: StandingGroup) =>
    places
      .filter(({ score }) => groupOf(score) === group)
      .reduce<Place<T> | undefined>(
        (a, b) => (a === undefined || b.bytesPerSecond < a.bytesPerSecond ? b : a),
        undefined,
      )
  const suspect = slowest('suspect')
  if (suspect !== undefined) return suspect
  const kept = Math.floor(places.length * newcomerShare)
  const newcomers = places.filter(({ score }) => groupOf(score) === 'newcomer').length
  if (candidate === 'proven') return newcomers > kept ? slowest('newcomer') : undefined
  return newcomers < kept ? slowest('proven') : undefined
}
