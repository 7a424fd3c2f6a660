/** The model query engine over one store: find components, map what they need. It knows no network and no files. */
export { assertRunnable, type Execution, type ExecutionClass, executionOf } from './execution.ts'
export { type FindOptions, type FindPage, find } from './find.ts'
export { findLike, type Like } from './like.ts'
export {
  type Closure,
  type ClosureMember,
  type ClosureScope,
  closure,
  type Walk,
  type WalkOptions,
  type WalkStep,
  walk,
} from './map.ts'
export { type ParsedQuery, parseQuery } from './parse.ts'
export { explainPlan, wordWeight } from './plan.ts'
