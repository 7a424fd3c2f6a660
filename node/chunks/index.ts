/** The data plane: serving and fetching chunks, and hashing files, in a worker thread of its own. */
export { startDataPlane } from './data-plane.ts'
export { DataPlaneCore, type DataPlaneCoreOptions, type EmitDataPlaneEvent } from './data-plane-core.ts'
export { identityDifference, identityFromStat, identityText } from './file-identity.ts'
export type * from './types.ts'
