/** Who has earned how much trust, and whom to ask first. */
export { CachedStandings } from './chain-standing.ts'
export { payeesOnChain } from './payee-source.ts'
export { type Place, whoGivesWay } from './places.ts'
export { groupOf } from './score.ts'
export { type ExplainedScore, Standing } from './standing.ts'
