/** The one implementation of `ShardStore`, over whatever engine executes its statements. */
import { loadBlake3 } from '#protocol/codec/blake3.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ApiKeyStore } from './api-key.ts'
import { checkApiKey, getApiKey, insertApiKey, listApiKeys, revokeApiKey, touchApiKeys } from './api-keys.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import { checkBlock, checkChain, checkChainEvents } from './chain-event.ts'
import { addChainEvents, chainCursor, listChainEvents, removeChainEvents } from './chain-events.ts'
import type { CheckpointStore } from './checkpoint-row.ts'
import { getCheckpoint, saveCheckpoint } from './checkpoints.ts'
import { findComponents, listEdges, rangesOf } from './components.ts'
import type { DocumentStore } from './document.ts'
import {
  checkDocument,
  checkNaming,
  getDocument,
  listNames,
  listVersions,
  nameDocument,
  putDocument,
} from './documents.ts'
import { checkQuery, findNearest, getSpace, putEmbeddings, putSpace, removeEmbeddings } from './embeddings.ts'
import { type Executor, type Session, TenantSession, type TransactionMode } from './executor.ts'
import { addHeld, findExtent, getHeld, removeHeld } from './holdings.ts'
import type { JobStore } from './job.ts'
import { checkJobChanges, checkNewJobs } from './job-row.ts'
import {
  changeJobs,
  checkClaim,
  claimJobs,
  getJob,
  insertJobs,
  listAttempts,
  listJobEvents,
  listJobs,
  removeJobs,
} from './jobs.ts'
import { checkPutModel } from './layout.ts'
import { appendLedger, checkLedger, latestLedger, listLedger } from './ledger.ts'
import { ledgerRowsOf } from './ledger-entry.ts'
import { getContent, getModel, listModels, putModel, removeModel, setFileIdentity, setPinned } from './models.ts'
import { ackOutbox, claimOutbox } from './outbox.ts'
import { listReleases, putRelease, type ReleaseBounds, releaseBounds } from './releases.ts'
import { countTerm, findModels, indexModels, termsOf } from './search-index.ts'
import { getTotal } from './tenant-total.ts'
import {
  getThreadCheckpoint,
  listCheckpointWrites,
  listThreadCheckpoints,
  putCheckpointWrites,
  putThreadCheckpoint,
  removeThread,
} from './threads.ts'
import type { ShardStore, TenantId, TenantStore } from './types.ts'
import type { SpaceIndex } from './vectors/space-index.ts'
import { VectorIndexes, type VectorIndexOptions } from './vectors/vector-indexes.ts'

export interface ShardStoreOptions {
  /** Wall clock, in milliseconds. */
  now?: () => number
  releaseBounds?: ReleaseBounds
  vectors?: VectorIndexOptions
}

export function createShardStore(executor: Executor, options: ShardStoreOptions = {}): ShardStore {
  const vectors = new VectorIndexes(options.vectors)
  const context = { now: options.now ?? Date.now, bounds: options.releaseBounds ?? releaseBounds, vectors }
  return {
    capabilities: async () => executor.capabilities(),
    migrate: () => executor.migrate(),
    forTenant: (tenant) => createTenantStore(new TenantTransactions(executor, tenant), context),
    listTenants: async () => {
      const tenants = await executor.transaction('read', (session) => session.all('listTenants', {}))
      return tenants.map(({ name }) => name)
    },
    statistics: async () => {
      const counts = await executor.transaction('read', (session) => session.all('countRows', {}))
      const rows = Object.fromEntries(counts.map(({ name, count }) => [name, count]))
      return { rows, sizeBytes: await executor.sizeBytes() }
    },
    check: () => executor.check(),
    close: async () => {
      await vectors.close()
      await executor.close()
    },
  }
}

/** Tenant names are `issuer:subject`; issuers are URLs. */
const tenantCharactersMax = 1024
/** No row has this tenant: what a tenant without rows reads with. */
const nobody = 0

/** @throws {ERR_USAGE} */
export function assertTenant(name: TenantId): void {
  if (name === '' || name.length > tenantCharactersMax || !name.isWellFormed()) {
    throw new HartonomousError('ERR_USAGE', { message: `not a tenant: ${JSON.stringify(name.slice(0, 80))}` })
  }
}

/** Transactions of one tenant. Its row is made by its first write. */
class TenantTransactions {
  readonly #executor: Executor
  readonly #name: TenantId
  #tenantId: number | undefined

  constructor(executor: Executor, name: TenantId) {
    assertTenant(name)
    this.#executor = executor
    this.#name = name
  }

  get name(): TenantId {
    return this.#name
  }

  async run<T>(mode: TransactionMode, work: (x: TenantSession) => Promise<T>): Promise<T> {
    let tenantId: number | undefined
    const value = await this.#executor.transaction(mode, async (session) => {
      tenantId = this.#tenantId ?? (await this.#find(session, mode))
      return work(new TenantSession(session, tenantId))
    })
    // Only now: before the commit the number could still be rolled back and given to another tenant.
    if (tenantId !== nobody) this.#tenantId = tenantId
    return value
  }

  async #find(session: Session, mode: TransactionMode): Promise<number> {
    const name = this.#name
    const known = (await session.all('findTenant', { name }))[0]
    if (known !== undefined) return known.tenantId
    return mode === 'read' ? nobody : (await session.all('insertTenant', { name }))[0]!.tenantId
  }
}

function createTenantStore(
  tenant: TenantTransactions,
  { now, bounds, vectors }: { now: () => number; bounds: ReleaseBounds; vectors: VectorIndexes },
): TenantStore {
  const read = <T>(work: (x: TenantSession) => Promise<T>) => tenant.run('read', work)
  const write = <T>(work: (x: TenantSession) => Promise<T>) => tenant.run('write', work)
  const durable = <T>(work: (x: TenantSession) => Promise<T>) => tenant.run('durable', work)
  return {
    putModel: async (model) => {
      const layout = checkPutModel(model)
      await durable((x) => putModel(x, model, layout, now()))
    },
    getModel: (modelId) => read((x) => getModel(x, modelId)),
    listModels: () => read((x) => listModels(x)),
    getContent: (modelId) => read((x) => getContent(x, modelId)),
    removeModel: (modelId) => durable((x) => removeModel(x, modelId, now())),
    setFileIdentity: (modelId, fileIndex, identity) => durable((x) => setFileIdentity(x, modelId, fileIndex, identity)),
    setPinned: (modelId, isPinned) => durable((x) => setPinned(x, modelId, isPinned)),
    touchModel: (modelId) => write(async (x) => void (await x.run('touchModel', { modelId, atMs: now() }))),

    addHeld: (modelId, chunkIndexes) => durable((x) => addHeld(x, modelId, chunkIndexes, now())),
    removeHeld: (modelId, chunkIndexes) => durable((x) => removeHeld(x, modelId, chunkIndexes, now())),
    getHeld: (modelId) => read((x) => getHeld(x, modelId)),
    findExtent: (root) => read((x) => findExtent(x, root)),

    putRelease: (release, receivedFrom, options) =>
      write((x) => putRelease(x, release, { receivedFrom, isOwn: options?.isOwn ?? false }, bounds, now())),
    listReleases: (filter = {}) => read((x) => listReleases(x, filter)),

    findComponents: (filter) => read((x) => findComponents(x, filter)),
    edges: (modelId, keys, direction) => read((x) => listEdges(x, modelId, keys, direction)),
    findModels: (filter) => read((x) => findModels(x, filter)),
    countTerm: (term) => read((x) => countTerm(x, term)),
    termsOf: (modelId, terms) => read((x) => termsOf(x, modelId, terms)),
    indexModels: (limit) => write((x) => indexModels(x, limit)),
    ranges: (modelId, keys) => read((x) => rangesOf(x, modelId, keys)),

    ...embeddingMethods(tenant, vectors),

    saveIngestCheckpoint: (checkpoint) => write((x) => saveCheckpoint(x, checkpoint, now())),
    getIngestCheckpoint: (path) => read((x) => getCheckpoint(x, path)),
    removeIngestCheckpoint: (path) => write(async (x) => void (await x.run('deleteCheckpoint', { path }))),

    putSetting: async (key, value) => {
      const text = value === undefined ? undefined : canonicalJson(value)
      await durable(async (x) => {
        if (text === undefined) await x.run('deleteSetting', { key })
        else await x.run('putSetting', { key, value: text })
      })
    },
    getSetting: (key) =>
      read(async (x) => {
        const row = await x.get('findSetting', { key })
        return row === undefined ? undefined : parseJson(row.value)
      }),

    ...ledgerMethods(tenant),
    ...chainMethods(tenant),
    ...jobMethods(tenant),
    ...apiKeyMethods(tenant),
    ...documentMethods(tenant),
    ...checkpointMethods(tenant),

    claimOutbox: (limit, leaseMs) => write((x) => claimOutbox(x, limit, leaseMs, now())),
    ackOutbox: (seqs) => write((x) => ackOutbox(x, seqs)),
  }
}

type LedgerMethods = Pick<TenantStore, 'appendLedger' | 'listLedger' | 'checkLedger' | 'latestLedger'>

function ledgerMethods(tenant: TenantTransactions): LedgerMethods {
  return {
    appendLedger: async (entries, { isUnique = false } = {}) => {
      const rows = ledgerRowsOf(entries)
      await loadBlake3()
      return tenant.run('durable', (x) => appendLedger(x, rows, isUnique))
    },
    listLedger: (filter = {}) => tenant.run('read', (x) => listLedger(x, filter)),
    checkLedger: async () => {
      await loadBlake3()
      return checkLedger((work) => tenant.run('read', work))
    },
    latestLedger: (kind, page = {}) => tenant.run('read', (x) => latestLedger(x, kind, page)),
  }
}

type ChainMethods = Pick<TenantStore, 'chainCursor' | 'addChainEvents' | 'removeChainEvents' | 'listChainEvents'>

function chainMethods(tenant: TenantTransactions): ChainMethods {
  return {
    chainCursor: (chain) => tenant.run('read', (x) => chainCursor(x, chain)),
    addChainEvents: async (chain, { from, to, events: given }) => {
      checkChain(chain)
      const events = checkChainEvents({ from, to, events: given })
      // Told outside of the transaction: an engine repeats one that met a conflict, and this one would meet it again.
      if (await tenant.run('write', (x) => addChainEvents(x, chain, { from, to, events }))) return
      const reason = `the events of ${chain} do not end at block ${from?.blockNumber ?? 'none'} as it was given`
      throw new HartonomousError('ERR_STORE_CONFLICT', { reason })
    },
    removeChainEvents: async (chain, to) => {
      if (to !== undefined) checkBlock(to)
      return tenant.run('write', (x) => removeChainEvents(x, chain, to))
    },
    listChainEvents: (chain, filter = {}) => tenant.run('read', (x) => listChainEvents(x, chain, filter)),
  }
}

function jobMethods(tenant: TenantTransactions): JobStore {
  return {
    insertJobs: async (jobs) => {
      const checked = checkNewJobs(jobs)
      return tenant.run('durable', (x) => insertJobs(x, checked))
    },
    getJob: (jobId) => tenant.run('read', (x) => getJob(x, jobId)),
    listJobs: (filter = {}) => tenant.run('read', (x) => listJobs(x, filter)),
    changeJobs: async (changes) => {
      checkJobChanges(changes)
      const outcome = await tenant.run('durable', (x) => changeJobs(x, changes))
      if ('rows' in outcome) return outcome.rows
      throw new HartonomousError('ERR_STORE_CONFLICT', { reason: outcome.conflict })
    },
    claimJobs: async (claim) => {
      checkClaim(claim)
      return tenant.run('write', (x) => claimJobs(x, claim))
    },
    listAttempts: (jobId) => tenant.run('read', (x) => listAttempts(x, jobId)),
    listJobEvents: (jobId, page) => tenant.run('read', (x) => listJobEvents(x, jobId, page)),
    removeJobs: (finishedBeforeMs, limit) => tenant.run('write', (x) => removeJobs(x, finishedBeforeMs, limit)),
    getTotal: () => tenant.run('read', (x) => getTotal(x)),
  }
}

function apiKeyMethods(tenant: TenantTransactions): ApiKeyStore {
  return {
    insertApiKey: async (key) => {
      assertTenant(key.holder)
      const checked = checkApiKey(key)
      await tenant.run('durable', (x) => insertApiKey(x, checked))
    },
    getApiKey: (keyId) => tenant.run('read', (x) => getApiKey(x, keyId)),
    listApiKeys: (holder) => tenant.run('read', (x) => listApiKeys(x, holder)),
    revokeApiKey: (keyId, atMs) => tenant.run('durable', (x) => revokeApiKey(x, keyId, atMs)),
    touchApiKeys: (uses) => tenant.run('write', (x) => touchApiKeys(x, uses)),
  }
}

function documentMethods(tenant: TenantTransactions): DocumentStore {
  return {
    putDocument: async (document) => {
      checkDocument(document)
      await tenant.run('durable', (x) => putDocument(x, document))
    },
    getDocument: (hash) => tenant.run('read', (x) => getDocument(x, hash)),
    nameDocument: async (name, hash, { previous, atMs }) => {
      const naming = { name, hash, previous, atMs }
      checkNaming(naming)
      if (await tenant.run('durable', (x) => nameDocument(x, naming))) return
      const reason = `the name ${JSON.stringify(name)} does not point where it did`
      throw new HartonomousError('ERR_STORE_CONFLICT', { reason })
    },
    listVersions: (name) => tenant.run('read', (x) => listVersions(x, name)),
    listNames: (prefix) => tenant.run('read', (x) => listNames(x, prefix)),
  }
}

function checkpointMethods(tenant: TenantTransactions): CheckpointStore {
  return {
    putCheckpoint: (row) => tenant.run('durable', (x) => putThreadCheckpoint(x, row)),
    getCheckpoint: (thread, namespace, checkpointId) =>
      tenant.run('read', (x) => getThreadCheckpoint(x, thread, namespace, checkpointId)),
    listCheckpoints: (thread, page) => tenant.run('read', (x) => listThreadCheckpoints(x, thread, page)),
    putCheckpointWrites: (thread, namespace, checkpointId, writes) =>
      tenant.run('durable', (x) => putCheckpointWrites(x, { thread, namespace, checkpointId }, writes)),
    listCheckpointWrites: (thread, namespace, checkpointId) =>
      tenant.run('read', (x) => listCheckpointWrites(x, { thread, namespace, checkpointId })),
    removeThread: (thread) => tenant.run('durable', (x) => removeThread(x, thread)),
  }
}

type EmbeddingMethods = Pick<
  TenantStore,
  'putSpace' | 'getSpace' | 'putEmbeddings' | 'removeEmbeddings' | 'findNearest'
>

function searched<T>(index: SpaceIndex | undefined, search: () => Promise<T>): Promise<T> {
  return index === undefined ? search() : index.inTurn(search)
}

function embeddingMethods(tenant: TenantTransactions, vectors: VectorIndexes): EmbeddingMethods {
  return {
    putSpace: (name, dimension) => tenant.run('durable', (x) => putSpace(x, name, dimension)),
    getSpace: async (name) => {
      const index = await vectors.of(tenant.name, name, tenant)
      return searched(index, () => tenant.run('read', (x) => getSpace(x, name, index)))
    },
    putEmbeddings: async (space, rows) => {
      await tenant.run('write', (x) => putEmbeddings(x, space, rows))
      vectors.noteWritten(tenant.name, space, rows.length, tenant)
    },
    removeEmbeddings: async (space, components) => {
      const removed = await tenant.run('write', (x) => removeEmbeddings(x, space, components))
      vectors.noteWritten(tenant.name, space, removed, tenant)
      return removed
    },
    findNearest: async (query) => {
      checkQuery(query)
      const index = await vectors.of(tenant.name, query.space, tenant)
      return searched(index, () => tenant.run('read', (x) => findNearest(x, query, index)))
    },
  }
}
