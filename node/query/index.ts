/** Queries over models, fanned out to peers, and the loading of what was found. */
export type { LoadedChunk } from './load.ts'
export type { LoadPlan, LoadRange } from './load-plan.ts'
export { type FindRequest, type Found, type FoundRow, type QueryDependencies, QueryService } from './query-service.ts'
