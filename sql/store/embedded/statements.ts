/**
 * Texts of the statements for SQLite. Names and shapes: `../statements.ts`.
 *
 * Without statistics SQLite takes any index for as good that has the tenant in it, and reads all rows of the tenant: where
 * it does, `indexed by` names the right one (a test looks at every plan).
 */
import type { StatementName, VectorStatementName } from '../statements.ts'
import { coordinatorStatements } from './coordinator-statements.ts'

const modelColumns = `m.model_pk as modelPk, m.model_id as modelId, m.architecture, m.format,
  m.parameter_count as parameterCount, m.size_bytes as sizeBytes, m.chunk_count as chunkCount, m.origin,
  m.created_at_ms as createdAtMs, m.last_used_at_ms as lastUsedAtMs, m.is_pinned as isPinned, m.meta,
  h.held_chunks as heldChunks, h.held_bytes as heldBytes`
const modelTables = 'model m join holding h on h.tenant_id = m.tenant_id and h.model_pk = m.model_pk'
const fileColumns = 'file_index as fileIndex, size_bytes as sizeBytes, path, origin, identity'
const holdingSelect = `select m.model_pk as modelPk, m.chunk_count as chunkCount, h.bits, h.held_chunks as heldChunks,
  h.held_bytes as heldBytes from ${modelTables}`

const models = {
  findModel: `select ${modelColumns} from ${modelTables} where m.tenant_id = :tenantId and m.model_id = :modelId`,
  listModels: `select ${modelColumns} from ${modelTables} where m.tenant_id = :tenantId order by m.model_id`,
  findModelIndex: `select index_sha256 as indexSha256 from model where tenant_id = :tenantId and model_pk = :modelPk`,
  insertModel: `insert into model(tenant_id, model_id, architecture, format, parameter_count, size_bytes, chunk_count,
      origin, created_at_ms, last_used_at_ms, meta, index_sha256)
    values(:tenantId, :modelId, :architecture, :format, :parameterCount, :sizeBytes, :chunkCount, :origin, :atMs, :atMs,
      :meta, :indexSha256)
    returning model_pk as modelPk`,
  updateModel: `update model set architecture = :architecture, format = :format, parameter_count = :parameterCount,
      origin = :origin, meta = :meta, index_sha256 = :indexSha256
    where tenant_id = :tenantId and model_pk = :modelPk`,
  deleteModel: `delete from model where tenant_id = :tenantId and model_pk = :modelPk`,
  setPinned: `update model set is_pinned = :isPinned where tenant_id = :tenantId and model_id = :modelId`,
  touchModel: `update model set last_used_at_ms = max(last_used_at_ms, :atMs)
    where tenant_id = :tenantId and model_id = :modelId`,

  listFiles: `select ${fileColumns} from model_file where tenant_id = :tenantId and model_pk = :modelPk
    order by file_index`,
  listAllFiles: `select model_pk as modelPk, ${fileColumns} from model_file where tenant_id = :tenantId
    order by model_pk, file_index`,
  insertFile: `insert into model_file(tenant_id, model_pk, file_index, size_bytes, path, origin, identity)
    values(:tenantId, :modelPk, :fileIndex, :sizeBytes, :path, :origin, :identity)`,
  updateFile: `update model_file set path = :path, origin = :origin, identity = :identity
    where tenant_id = :tenantId and model_pk = :modelPk and file_index = :fileIndex`,
} satisfies Partial<Record<StatementName, string>>

const content = {
  insertExtent: `insert into extent(tenant_id, model_pk, file_index, extent_index, first_chunk, kind, name, dtype, shape,
      offset_bytes, size_bytes, root)
    values(:tenantId, :modelPk, :fileIndex, :extentIndex, :firstChunk, :kind, :name, :dtype, :shape, :offsetBytes,
      :sizeBytes, :root)`,
  listExtents: `select file_index as fileIndex, extent_index as extentIndex, first_chunk as firstChunk, kind, name, dtype,
      shape, offset_bytes as offsetBytes, size_bytes as sizeBytes, root
    from extent where tenant_id = :tenantId and model_pk = :modelPk order by file_index, extent_index`,
  // Empty extents share their first_chunk with the extent after them, so size decides.
  findExtentOfChunk: `select first_chunk as firstChunk, size_bytes as sizeBytes from extent
    where tenant_id = :tenantId and model_pk = :modelPk and first_chunk <= :chunkIndex and size_bytes > 0
    order by first_chunk desc limit 1`,
  findExtentsByRoot: `select e.model_pk as modelPk, m.model_id as modelId, e.first_chunk as firstChunk,
      e.offset_bytes as offsetBytes, e.size_bytes as sizeBytes, f.path
    from extent e indexed by extent_root
    join model m on m.tenant_id = e.tenant_id and m.model_pk = e.model_pk
    join holding h on h.tenant_id = e.tenant_id and h.model_pk = e.model_pk
    join model_file f on f.tenant_id = e.tenant_id and f.model_pk = e.model_pk and f.file_index = e.file_index
    where e.tenant_id = :tenantId and e.root = :root and e.size_bytes > 0 and f.path is not null and h.held_chunks > 0
    order by h.held_chunks = m.chunk_count desc, e.model_pk, e.file_index, e.extent_index limit :limit`,
  insertLeafBlock: `insert into leaf(tenant_id, model_pk, block, leaves) values(:tenantId, :modelPk, :block, :leaves)`,
  listLeafBlocks: `select leaves from leaf where tenant_id = :tenantId and model_pk = :modelPk order by block`,

  findHolding: `${holdingSelect} where m.tenant_id = :tenantId and m.model_id = :modelId`,
  findHoldingByPk: `${holdingSelect} where m.tenant_id = :tenantId and m.model_pk = :modelPk`,
  insertHolding: `insert into holding(tenant_id, model_pk, bits, held_chunks, held_bytes)
    values(:tenantId, :modelPk, :bits, :heldChunks, :heldBytes)`,
  updateHolding: `update holding set bits = :bits, held_chunks = :heldChunks, held_bytes = :heldBytes
    where tenant_id = :tenantId and model_pk = :modelPk`,
} satisfies Partial<Record<StatementName, string>>

const edgeSelect = `select s.key as "from", d.key as "to", e.kind from json_each(:keys) j cross join component c`
const components = {
  insertComponent: `insert into component(tenant_id, model_pk, key, kind, layer, expert, size_bytes, parameter_count, meta,
      since_ms)
    values(:tenantId, :modelPk, :key, :kind, :layer, :expert, :sizeBytes, :parameterCount, :meta, :atMs)`,
  deleteComponents: `delete from component where tenant_id = :tenantId and model_pk = :modelPk`,
  listComponentKeys: `select key, kind, component_pk as componentPk from component
    where tenant_id = :tenantId and model_pk = :modelPk`,
  trimComponentHistory: `delete from component_history indexed by component_history_order where tenant_id = :tenantId and history_pk <=
    (select history_pk from component_history indexed by component_history_order
      where tenant_id = :tenantId order by history_pk desc limit 1 offset :keep)`,
  insertComponentExtent: `insert into component_extent(tenant_id, component_pk, ordinal, file_index, extent_index)
    values(:tenantId, :componentPk, :ordinal, :fileIndex, :extentIndex)`,
  insertEdge: `insert or ignore into edge(tenant_id, src, kind, dst) values(:tenantId, :src, :kind, :dst)`,
  // A `[` would open a character class of GLOB; written as the class `[[]` it is itself.
  findComponents: `select c.component_pk as componentPk, c.model_pk as modelPk, m.model_id as modelId, c.key, c.kind,
      c.layer, c.expert, c.size_bytes as sizeBytes, c.parameter_count as parameterCount, c.meta
    from model m cross join component c on c.tenant_id = m.tenant_id and c.model_pk = m.model_pk
    where m.tenant_id = :tenantId
      -- As bounds and not as alternatives: only those lead into an index.
      and m.model_id >= max(coalesce(:modelId, ''), coalesce(:afterModelId, ''))
      and m.model_id <= coalesce(:modelId, '\u{10ffff}')
      and c.key > iif(m.model_id = :afterModelId, :afterKey, '')
      and c.key >= coalesce(:key, '') and c.key <= coalesce(:key, '\u{10ffff}')
      and (:kinds is null or c.kind in (select value from json_each(:kinds)))
      and (:layerMin is null or c.layer >= :layerMin)
      and (:layerMax is null or c.layer <= :layerMax)
      and (:expertMin is null or c.expert >= :expertMin)
      and (:expertMax is null or c.expert <= :expertMax)
      and (:sizeMin is null or c.size_bytes >= :sizeMin)
      and (:sizeMax is null or c.size_bytes <= :sizeMax)
      and (:keyPattern is null or c.key glob replace(:keyPattern, '[', '[[]'))
    order by m.model_id, c.key limit :limit`,
  listComponentExtents: `select x.component_pk as componentPk, x.file_index as fileIndex, x.extent_index as extentIndex,
      e.first_chunk as firstChunk, e.offset_bytes as offsetBytes, e.size_bytes as sizeBytes, e.name, e.dtype, e.shape
    from json_each(:componentPks) j
    cross join component c on c.tenant_id = :tenantId and c.component_pk = j.value
    cross join component_extent x on x.tenant_id = c.tenant_id and x.component_pk = c.component_pk
    cross join extent e on e.tenant_id = c.tenant_id and e.model_pk = c.model_pk and e.file_index = x.file_index
      and e.extent_index = x.extent_index
    order by j.key, x.ordinal`,
  listComponentsByKey: `select c.key, c.component_pk as componentPk
    from json_each(:keys) j
    cross join component c on c.tenant_id = :tenantId and c.model_pk = :modelPk and c.key = j.value`,
  listEdgesOut: `${edgeSelect}
    join edge e on e.tenant_id = c.tenant_id and e.src = c.component_pk
    join component s on s.tenant_id = e.tenant_id and s.component_pk = e.src
    join component d on d.tenant_id = e.tenant_id and d.component_pk = e.dst
    where c.tenant_id = :tenantId and c.model_pk = :modelPk and c.key = j.value order by s.key, e.kind, d.key`,
  listEdgesIn: `${edgeSelect}
    join edge e on e.tenant_id = c.tenant_id and e.dst = c.component_pk
    join component s on s.tenant_id = e.tenant_id and s.component_pk = e.src
    join component d on d.tenant_id = e.tenant_id and d.component_pk = e.dst
    where c.tenant_id = :tenantId and c.model_pk = :modelPk and c.key = j.value order by d.key, e.kind, s.key`,
} satisfies Partial<Record<StatementName, string>>

const canGo = `r.is_own = 0 and not exists
  (select 1 from model m where m.tenant_id = r.tenant_id and m.model_id = r.model_id)`
const deleteOldest = (
  index: string,
  condition: string,
) => `delete from release where tenant_id = :tenantId and release_pk =
  (select r.release_pk from release r indexed by ${index} where r.tenant_id = :tenantId and ${condition} order by r.release_pk limit 1)`
const releasePage = (index: string, condition: string) => `select release_pk as releasePk, body, bytes, signature,
    received_from as receivedFrom, received_at_ms as receivedAtMs, is_own as isOwn
  from release indexed by ${index} where tenant_id = :tenantId ${condition} and release_pk > :afterPk
    and (:sinceMs is null or received_at_ms >= :sinceMs)
  order by release_pk limit :limit`
const ofName = 'and (:name is null or name = :name)'
const ofLicence = `and (:licence is null or body ->> '$.licence' = :licence)`

const releases = {
  findRelease: `select release_pk as releasePk, created_at_ms as createdAtMs, is_own as isOwn, bytes
    from release where tenant_id = :tenantId and publisher = :publisher and model_id = :modelId and name = :name`,
  insertRelease: `insert into release(tenant_id, model_id, publisher, name, created_at_ms, is_own, body, bytes, signature,
      received_from, received_at_ms)
    values(:tenantId, :modelId, :publisher, :name, :createdAtMs, :isOwn, :body, :bytes, :signature, :receivedFrom,
      :receivedAtMs)`,
  deleteRelease: `delete from release where tenant_id = :tenantId and release_pk = :releasePk`,
  markReleaseOwn: `update release set is_own = 1 where tenant_id = :tenantId and release_pk = :releasePk`,
  countReleases: `select count(*) as count from release indexed by release_order where tenant_id = :tenantId`,
  countReleasesFrom: `select count(*) as count from release indexed by release_source
    where tenant_id = :tenantId and received_from = :receivedFrom`,
  largestReleaseSource: `select received_from as receivedFrom, count(*) as count from release indexed by release_source
    where tenant_id = :tenantId group by received_from order by count desc, received_from limit 1`,
  deleteOldestRelease: deleteOldest('release_order', canGo),
  deleteOldestReleaseFrom: deleteOldest('release_source', `r.received_from = :receivedFrom and ${canGo}`),
  countReleasesOfModel: `select count(*) as count from release
    where tenant_id = :tenantId and model_id = :modelId and is_own = 0`,
  deleteOldestReleaseOfModel: deleteOldest('release_model', 'r.model_id = :modelId and r.is_own = 0'),
  listReleases: releasePage('release_order', ''),
  listReleasesOfModel: releasePage('release_model', `and model_id = :modelId ${ofName} ${ofLicence}`),
  listReleasesByName: releasePage('release_name', `and name = :name ${ofLicence}`),
  listReleasesByLicence: releasePage('release_licence', `and body ->> '$.licence' = :licence`),
} satisfies Partial<Record<StatementName, string>>

/** A term may come from several sources: the first one stands for all. */
const isFirstSource = `d.source = (select min(x.source) from search_term x
  where x.tenant_id = d.tenant_id and x.term = d.term and x.model_id = d.model_id)`

const search = {
  insertSearchTerm: `insert or ignore into search_term(tenant_id, term, model_id, source)
    values(:tenantId, :term, :modelId, :source)`,
  deleteModelTerms: `delete from search_term where tenant_id = :tenantId and model_id = :modelId and source = 0`,
  countSearchTerm: `select count(*) as count from
    (select distinct model_id from search_term where tenant_id = :tenantId and term = :term limit :limit)`,
  listSearchTerms: `select distinct t.term from json_each(:terms) j
    cross join search_term t on t.tenant_id = :tenantId and t.term = j.value and t.model_id = :modelId`,
  findModelsByTerms: `select m.model_id as modelId
    from search_term d cross join model m on m.tenant_id = d.tenant_id and m.model_id = d.model_id
    where d.tenant_id = :tenantId and d.term = :term and d.model_id > coalesce(:afterModelId, '') and ${isFirstSource}
      and not exists (select 1 from json_each(:all) j where not exists
        (select 1 from search_term t where t.tenant_id = :tenantId and t.term = j.value and t.model_id = d.model_id))
    order by d.model_id limit :limit`,
  findModelsWithoutTerm: `select m.model_id as modelId from model m where m.tenant_id = :tenantId and not exists
      (select 1 from search_term t where t.tenant_id = :tenantId and t.term = :term and t.model_id = m.model_id)
    order by m.model_id limit :limit`,
} satisfies Partial<Record<StatementName, string>>

const small = {
  findCheckpoint: `select identity, leaf_count as leafCount from ingest_checkpoint
    where tenant_id = :tenantId and path = :path`,
  putCheckpoint: `insert into ingest_checkpoint(tenant_id, path, identity, leaf_count, updated_at_ms)
    values(:tenantId, :path, :identity, :leafCount, :atMs)
    on conflict(tenant_id, path) do update set identity = excluded.identity, leaf_count = excluded.leaf_count,
      updated_at_ms = excluded.updated_at_ms`,
  deleteCheckpoint: `delete from ingest_checkpoint where tenant_id = :tenantId and path = :path`,
  deleteOldCheckpoints: `delete from ingest_checkpoint where tenant_id = :tenantId and path in
    (select path from ingest_checkpoint where tenant_id = :tenantId order by updated_at_ms desc, path
     limit -1 offset :keep)`,
  deleteCheckpointLeaves: `delete from ingest_leaf where tenant_id = :tenantId and path = :path and block >= :fromBlock`,
  insertCheckpointLeaves: `insert into ingest_leaf(tenant_id, path, block, leaves)
    values(:tenantId, :path, :block, :leaves)`,
  listCheckpointLeaves: `select leaves from ingest_leaf where tenant_id = :tenantId and path = :path order by block`,

  putSetting: `insert into setting(tenant_id, key, value) values(:tenantId, :key, :value)
    on conflict(tenant_id, key) do update set value = excluded.value`,
  deleteSetting: `delete from setting where tenant_id = :tenantId and key = :key`,
  findSetting: `select value from setting where tenant_id = :tenantId and key = :key`,

  insertOutbox: `insert into outbox(tenant_id, topic, body, at_ms) values(:tenantId, :topic, :body, :atMs)`,
  countLeased: `select count(*) as count from outbox where tenant_id = :tenantId and lease_until_ms > :atMs`,
  listOutbox: `select seq, topic, body, at_ms as atMs from outbox where tenant_id = :tenantId order by seq limit :limit`,
  leaseOutbox: `update outbox set lease_until_ms = :leaseUntilMs
    where tenant_id = :tenantId and seq in (select value from json_each(:seqs))`,
  trimOutbox: `delete from outbox where tenant_id = :tenantId and seq <=
    (select seq from outbox where tenant_id = :tenantId order by seq desc limit 1 offset :keep)`,
  deleteOutbox: `delete from outbox where tenant_id = :tenantId and seq in (select value from json_each(:seqs))`,
} satisfies Partial<Record<StatementName, string>>

const ledgerSelect = 'select l.seq, l.kind, l.subject, l.body as bytes, l.fields, l.at_ms as atMs, l.previous, l.hash'
const ledgerPage = (condition: string) => `${ledgerSelect} from ledger l
    where l.tenant_id = :tenantId ${condition} and l.seq > :afterSeq order by l.seq limit :limit`
const ledgerPageBack = (condition: string) => `${ledgerSelect} from ledger l
    where l.tenant_id = :tenantId ${condition} and l.seq < :beforeSeq order by l.seq desc limit :limit`
const ofKind = 'and l.kind = :kind'
const ofSubject = 'and l.kind = :kind and l.subject = :subject'

const ledger = {
  insertLedger: `insert into ledger(tenant_id, seq, kind, subject, body, fields, at_ms, previous, hash)
    values(:tenantId, :seq, :kind, :subject, :bytes, :fields, :atMs, :previous, :hash)`,
  listLedger: ledgerPage(''),
  listLedgerBack: ledgerPageBack(''),
  listLedgerOfKind: ledgerPage(ofKind),
  listLedgerOfKindBack: ledgerPageBack(ofKind),
  listLedgerOfSubject: ledgerPage(ofSubject),
  listLedgerOfSubjectBack: ledgerPageBack(ofSubject),
  listLatestLedger: `${ledgerSelect} from (select subject as ofSubject, max(seq) as latest from ledger
      where tenant_id = :tenantId and kind = :kind and subject > :afterSubject
      group by subject order by subject limit :limit)
    cross join ledger l on l.tenant_id = :tenantId and l.seq = latest order by ofSubject`,
} satisfies Partial<Record<StatementName, string>>

const eventColumns = `e.block_number as blockNumber, e.block_hash as blockHash, e.log_index as logIndex,
  e.transaction_hash as transactionHash, e.contract, e.name, e.args, e.addresses`
const eventPage = (condition: string) => `select ${eventColumns} from chain_event e
    where e.tenant_id = :tenantId and e.chain_pk = :chainPk ${condition}
      and (e.block_number, e.log_index) > (:afterBlock, :afterIndex)
    order by e.block_number, e.log_index limit :limit`

const chains = {
  findChain: `select chain_pk as chainPk, block_number as blockNumber, block_hash as blockHash from chain
    where tenant_id = :tenantId and name = :name`,
  insertChain: 'insert into chain(tenant_id, name) values(:tenantId, :name) returning chain_pk as chainPk',
  countChains: 'select count(*) as count from chain where tenant_id = :tenantId',
  moveChain: `update chain set block_number = :blockNumber, block_hash = :blockHash
    where tenant_id = :tenantId and chain_pk = :chainPk`,
  insertChainEvent: `insert into chain_event(tenant_id, chain_pk, block_number, log_index, block_hash, transaction_hash,
      contract, name, args, addresses)
    values(:tenantId, :chainPk, :blockNumber, :logIndex, :blockHash, :transactionHash, :contract, :name, :args,
      :addresses)`,
  insertChainEventAddress: `insert into chain_event_address(tenant_id, chain_pk, address, block_number, log_index)
    values(:tenantId, :chainPk, :address, :blockNumber, :logIndex)`,
  listChainEvents: eventPage(''),
  listChainEventsNamed: eventPage('and e.name = :name'),
  listChainEventsOf: `select ${eventColumns} from chain_event_address a
    cross join chain_event e on e.tenant_id = a.tenant_id and e.chain_pk = a.chain_pk
      and e.block_number = a.block_number and e.log_index = a.log_index
    where a.tenant_id = :tenantId and a.chain_pk = :chainPk and a.address = :address
      and (a.block_number, a.log_index) > (:afterBlock, :afterIndex)
      and (:names is null or e.name in (select value from json_each(:names)))
    order by a.block_number, a.log_index limit :limit`,
  deleteChainEvents: `delete from chain_event where tenant_id = :tenantId and chain_pk = :chainPk
    and block_number >= :blockNumber and (block_number > :blockNumber or block_hash <> :blockHash)`,
} satisfies Partial<Record<StatementName, string>>

const embeddingWhere = 'e.tenant_id = :tenantId and e.space_pk = :spacePk'
const componentOfEmbedding = `join component c on c.tenant_id = e.tenant_id and c.component_pk = e.component_pk
    join model m on m.tenant_id = c.tenant_id and m.model_pk = c.model_pk`
const componentWhere = `(:modelId is null or m.model_id = :modelId)
      and (:kinds is null or c.kind in (select value from json_each(:kinds)))
      and (:layerMin is null or c.layer >= :layerMin)
      and (:layerMax is null or c.layer <= :layerMax)`

const embeddings = {
  findSpace: `select s.space_pk as spacePk, s.dimension, s.row_count as rowCount, s.index_number as indexNumber, h.rev,
      h.uid as shardUid
    from space s cross join shard h where s.tenant_id = :tenantId and s.name = :name and h.shard_pk = 1`,
  insertSpace: `insert into space(tenant_id, name, dimension) values(:tenantId, :name, :dimension)`,
  countSpaces: 'select count(*) as count from space where tenant_id = :tenantId',
  numberIndex: `update space set index_number = index_number + 1 where tenant_id = :tenantId and space_pk = :spacePk
    returning index_number as indexNumber`,
  deleteEmbedding: `delete from embedding
    where tenant_id = :tenantId and space_pk = :spacePk and component_pk = :componentPk`,
  insertEmbedding: `insert into embedding(rev, tenant_id, space_pk, component_pk, vector)
    values(:rev, :tenantId, :spacePk, :componentPk, :vector)`,
  listEmbeddings: `select e.rev, e.vector from embedding e indexed by embedding_order
    where ${embeddingWhere} and e.rev > :afterRev and e.rev <= :untilRev order by e.rev limit :limit`,
  countEmbeddings: `select count(*) as count from embedding e indexed by embedding_order
    where ${embeddingWhere} and e.rev > :afterRev and e.rev <= :untilRev`,
  listVectors: `select e.rev, e.vector from json_each(:revs) j cross join embedding e on e.rev = j.value
    where ${embeddingWhere}`,
  listNeighbours: `select e.rev, m.model_id as modelId, c.key
    from json_each(:revs) j cross join embedding e on e.rev = j.value ${componentOfEmbedding}
    where ${embeddingWhere} and ${componentWhere}`,
  listEmbeddingsOf: `select e.rev, e.vector from embedding e indexed by embedding_order ${componentOfEmbedding}
    where ${embeddingWhere} and e.rev > :afterRev and e.rev <= :untilRev and ${componentWhere} order by e.rev limit :limit`,
} satisfies Partial<Record<StatementName, string>>

/** Every table but `schema_migration`, for row counts. */
export const tableNames = [
  'tenant',
  'model',
  'model_file',
  'extent',
  'leaf',
  'holding',
  'component',
  'component_extent',
  'edge',
  'component_history',
  'release',
  'search_term',
  'ingest_checkpoint',
  'ingest_leaf',
  'setting',
  'outbox',
  'ledger',
  'chain',
  'chain_event',
  'chain_event_address',
  'job',
  'job_request',
  'job_attempt',
  'job_event',
  'api_key',
  'document',
  'document_name',
  'tenant_total',
  'thread_checkpoint',
  'thread_write',
  'shard',
  'space',
  'embedding',
] as const

const shared = {
  findTenant: 'select tenant_id as tenantId from tenant where name = :name',
  insertTenant: 'insert into tenant(name) values(:name) returning tenant_id as tenantId',
  listTenants: 'select name from tenant order by name',
  takeRevs: 'update shard set rev = rev + :count where shard_pk = 1 returning rev',
  // `shard` has one row, always.
  countRows: tableNames
    .filter((name) => name !== 'shard')
    .map((name) => `select '${name}' as name, count(*) as count from "${name}"`)
    .join(' union all '),
} satisfies Partial<Record<StatementName, string>>

/** SQLite measures no vectors. */
export type EmbeddedStatementName = Exclude<StatementName, VectorStatementName>

export const embeddedStatements: Readonly<Record<EmbeddedStatementName, string>> = {
  ...models,
  ...content,
  ...components,
  ...releases,
  ...search,
  ...small,
  ...ledger,
  ...chains,
  ...coordinatorStatements,
  ...embeddings,
  ...shared,
}
