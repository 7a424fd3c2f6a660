/** Whom to ask first, by lot: a strict order would send everybody to the same few, and let nobody earn a name. */
import { groupOf, type StandingGroup } from './score.ts'

/**
 * How often a newcomer has its turn where proven peers wait too, and the share of places that are kept for newcomers. It
 * is also all that a crowd of fresh identities can take. BitTorrent gives a quarter to strangers likewise.
 */
export const newcomerShare = 1 / 4

/** Proven peers and newcomers by turns, each by lot with its score as weight; those under suspicion after all others. */
export function orderByStanding<T>(
  candidates: readonly T[],
  scoreOf: (candidate: T) => number,
  random: () => number,
): T[] {
  const drawn: Record<StandingGroup, { candidate: T; key: number }[]> = { proven: [], newcomer: [], suspect: [] }
  for (const candidate of candidates) {
    const score = scoreOf(candidate)
    // Ascending -ln(u)/w is a draw without putting back, by weight w (Efraimidis and Spirakis 2006).
    drawn[groupOf(score)].push({ candidate, key: -Math.log(1 - random()) / score })
  }
  const [proven, newcomers, suspects] = [drawn.proven, drawn.newcomer, drawn.suspect].map((group) =>
    group.sort((a, b) => a.key - b.key).map(({ candidate }) => candidate),
  ) as [T[], T[], T[]]
  const order: T[] = []
  let [atProven, atNewcomer] = [0, 0]
  while (atProven < proven.length && atNewcomer < newcomers.length) {
    order.push(random() < newcomerShare ? newcomers[atNewcomer++]! : proven[atProven++]!)
  }
  return [...order, ...proven.slice(atProven), ...newcomers.slice(atNewcomer), ...suspects]
}
