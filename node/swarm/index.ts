/** What this node shares with its peers, and what it learns from them. */
export { followHave, serveHave } from './have.ts'
export { Heartbeat } from './heartbeat.ts'
export { LeaseTable } from './leases.ts'
export { serveOffers } from './offers.ts'
export { ReleaseBook } from './releases.ts'
export { serveProtocol } from './serve.ts'
export { isLostUserFile, Shard, type ShardModel } from './shard.ts'
export { Transfer, type TransferDependencies } from './transfer.ts'
