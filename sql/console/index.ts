/** Read-only SQL of the owner on documented views of the shard. */
export { openShardConsole } from '../store/embedded/console/console.ts'
export type * from './types.ts'
export { type ShardView, shardViews, type ViewColumn } from './views.ts'
