/** What crosses the message port of the store worker. */
import type { StoreOptions } from '../open.ts'
import type { ShardStore, StoreCapabilities, StoreStatistics, TenantId, TenantStore } from '../types.ts'

export type TenantMethod = keyof TenantStore

const tenantMethodSet: Readonly<Record<TenantMethod, true>> = {
  putModel: true,
  getModel: true,
  listModels: true,
  getContent: true,
  removeModel: true,
  setPinned: true,
  setFileIdentity: true,
  touchModel: true,
  addHeld: true,
  removeHeld: true,
  getHeld: true,
  findExtent: true,
  putRelease: true,
  listReleases: true,
  findComponents: true,
  edges: true,
  findModels: true,
  countTerm: true,
  termsOf: true,
  indexModels: true,
  ranges: true,
  saveIngestCheckpoint: true,
  getIngestCheckpoint: true,
  removeIngestCheckpoint: true,
  putSetting: true,
  getSetting: true,
  claimOutbox: true,
  ackOutbox: true,
  appendLedger: true,
  listLedger: true,
  checkLedger: true,
  latestLedger: true,
  chainCursor: true,
  addChainEvents: true,
  removeChainEvents: true,
  listChainEvents: true,
  insertJobs: true,
  getJob: true,
  listJobs: true,
  changeJobs: true,
  claimJobs: true,
  listAttempts: true,
  listJobEvents: true,
  removeJobs: true,
  getTotal: true,
  insertApiKey: true,
  getApiKey: true,
  listApiKeys: true,
  revokeApiKey: true,
  touchApiKeys: true,
  putDocument: true,
  getDocument: true,
  nameDocument: true,
  listVersions: true,
  listNames: true,
  putCheckpoint: true,
  getCheckpoint: true,
  listCheckpoints: true,
  putCheckpointWrites: true,
  listCheckpointWrites: true,
  removeThread: true,
  putSpace: true,
  getSpace: true,
  putEmbeddings: true,
  removeEmbeddings: true,
  findNearest: true,
}
export const tenantMethods = Object.keys(tenantMethodSet) as TenantMethod[]

export interface TenantCall {
  tenant: TenantId
  method: TenantMethod
  parameters: unknown[]
}

/** One worker serves one store: `open` comes first, `close` last. */
export type StoreMethods = {
  open: (options: StoreOptions) => Promise<void>
  capabilities: () => Promise<StoreCapabilities>
  migrate: () => ReturnType<ShardStore['migrate']>
  listTenants: () => Promise<TenantId[]>
  statistics: () => Promise<StoreStatistics>
  check: () => Promise<string[]>
  tenant: (call: TenantCall) => Promise<unknown>
  close: () => Promise<void>
}
