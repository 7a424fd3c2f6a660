/**
 * Texts of the statements for SQL Server. Names and shapes: `../statements.ts`; each does what its twin for SQLite does.
 *
 * They keep to what 2019, 2022, 2025, Azure SQL and Babelfish have in common: no MERGE, no cascading deletes (SQL Server
 * refuses two paths to one table), upserts as UPDATE under a range lock and INSERT where it found nothing.
 */
import type { StatementName } from '../statements.ts'
import { collation } from './collation.ts'
import { coordinatorStatements } from './coordinator-statements.ts'
import { moneyStatements } from './money-statements.ts'
import type { MssqlProfile } from './profile.ts'
import { vectorStatements } from './vector-statements.ts'

const modelColumns = `m.model_pk AS modelPk, m.model_id AS modelId, m.architecture, m.format,
  m.parameter_count AS parameterCount, m.size_bytes AS sizeBytes, m.chunk_count AS chunkCount, m.origin,
  m.created_at_ms AS createdAtMs, m.last_used_at_ms AS lastUsedAtMs, m.is_pinned AS isPinned, m.meta,
  h.held_chunks AS heldChunks, h.held_bytes AS heldBytes`
const modelTables = 'shard.model m JOIN shard.holding h ON h.tenant_id = m.tenant_id AND h.model_pk = m.model_pk'
const fileColumns = 'file_index AS fileIndex, size_bytes AS sizeBytes, path, origin, [identity]'
const holdingSelect = `SELECT m.model_pk AS modelPk, m.chunk_count AS chunkCount, h.bits, h.held_chunks AS heldChunks,
  h.held_bytes AS heldBytes FROM ${modelTables}`
const ofModel = 'WHERE tenant_id = @tenantId AND model_pk = @modelPk'

/** Edges and lists of extents hang on components, and these on a model. */
const componentsOfModel = `SELECT component_pk FROM shard.component ${ofModel}`
const deleteComponents = `DELETE FROM shard.embedding WHERE tenant_id = @tenantId AND component_pk IN (${componentsOfModel});
DELETE FROM shard.edge WHERE tenant_id = @tenantId AND src IN (${componentsOfModel});
DELETE FROM shard.edge WHERE tenant_id = @tenantId AND dst IN (${componentsOfModel});
DELETE FROM shard.component_extent WHERE tenant_id = @tenantId AND component_pk IN (${componentsOfModel});
DELETE FROM shard.component ${ofModel}`

const models = {
  findModel: `SELECT ${modelColumns} FROM ${modelTables} WHERE m.tenant_id = @tenantId AND m.model_id = @modelId`,
  listModels: `SELECT ${modelColumns} FROM ${modelTables} WHERE m.tenant_id = @tenantId ORDER BY m.model_id`,
  findModelIndex: `SELECT index_sha256 AS indexSha256 FROM shard.model ${ofModel}`,
  insertModel: `INSERT INTO shard.model(tenant_id, model_id, architecture, format, parameter_count, size_bytes, chunk_count,
      origin, created_at_ms, last_used_at_ms, meta, index_sha256)
    OUTPUT inserted.model_pk AS modelPk
    VALUES (@tenantId, @modelId, @architecture, @format, @parameterCount, @sizeBytes, @chunkCount, @origin, @atMs, @atMs,
      @meta, @indexSha256)`,
  updateModel: `UPDATE shard.model SET architecture = @architecture, format = @format, parameter_count = @parameterCount,
      origin = @origin, meta = @meta, index_sha256 = @indexSha256 ${ofModel}`,
  deleteModel: `${deleteComponents};
DELETE FROM shard.holding ${ofModel};
DELETE FROM shard.leaf ${ofModel};
DELETE FROM shard.extent ${ofModel};
DELETE FROM shard.model_file ${ofModel};
DELETE FROM shard.model ${ofModel}`,
  setPinned: `UPDATE shard.model SET is_pinned = @isPinned WHERE tenant_id = @tenantId AND model_id = @modelId`,
  touchModel: `UPDATE shard.model SET last_used_at_ms = @atMs
    WHERE tenant_id = @tenantId AND model_id = @modelId AND last_used_at_ms < @atMs`,

  listFiles: `SELECT ${fileColumns} FROM shard.model_file ${ofModel} ORDER BY file_index`,
  listAllFiles: `SELECT model_pk AS modelPk, ${fileColumns} FROM shard.model_file WHERE tenant_id = @tenantId
    ORDER BY model_pk, file_index`,
  insertFile: `INSERT INTO shard.model_file(tenant_id, model_pk, file_index, size_bytes, path, origin, [identity])
    VALUES (@tenantId, @modelPk, @fileIndex, @sizeBytes, @path, @origin, @identity)`,
  updateFile: `UPDATE shard.model_file SET path = @path, origin = @origin, [identity] = @identity
    ${ofModel} AND file_index = @fileIndex`,
} satisfies Partial<Record<StatementName, string>>

const content = {
  insertExtent: `INSERT INTO shard.extent(tenant_id, model_pk, file_index, extent_index, first_chunk, kind, name, dtype,
      shape, offset_bytes, size_bytes, root)
    VALUES (@tenantId, @modelPk, @fileIndex, @extentIndex, @firstChunk, @kind, @name, @dtype, @shape, @offsetBytes,
      @sizeBytes, @root)`,
  listExtents: `SELECT file_index AS fileIndex, extent_index AS extentIndex, first_chunk AS firstChunk, kind, name, dtype,
      shape, offset_bytes AS offsetBytes, size_bytes AS sizeBytes, root
    FROM shard.extent ${ofModel} ORDER BY file_index, extent_index`,
  // Empty extents share their first_chunk with the extent after them, so size decides.
  findExtentOfChunk: `SELECT TOP (1) first_chunk AS firstChunk, size_bytes AS sizeBytes FROM shard.extent
    ${ofModel} AND first_chunk <= @chunkIndex AND size_bytes > 0 ORDER BY first_chunk DESC`,
  findExtentsByRoot: `SELECT TOP (@limit) e.model_pk AS modelPk, m.model_id AS modelId, e.first_chunk AS firstChunk,
      e.offset_bytes AS offsetBytes, e.size_bytes AS sizeBytes, f.path
    FROM shard.extent e
    JOIN shard.model m ON m.tenant_id = e.tenant_id AND m.model_pk = e.model_pk
    JOIN shard.holding h ON h.tenant_id = e.tenant_id AND h.model_pk = e.model_pk
    JOIN shard.model_file f ON f.tenant_id = e.tenant_id AND f.model_pk = e.model_pk AND f.file_index = e.file_index
    WHERE e.tenant_id = @tenantId AND e.root = @root AND e.size_bytes > 0 AND f.path IS NOT NULL AND h.held_chunks > 0
    ORDER BY CASE WHEN h.held_chunks = m.chunk_count THEN 0 ELSE 1 END, e.model_pk, e.file_index, e.extent_index`,
  insertLeafBlock: `INSERT INTO shard.leaf(tenant_id, model_pk, block, leaves) VALUES (@tenantId, @modelPk, @block, @leaves)`,
  listLeafBlocks: `SELECT leaves FROM shard.leaf ${ofModel} ORDER BY block`,

  findHolding: `${holdingSelect} WHERE m.tenant_id = @tenantId AND m.model_id = @modelId`,
  findHoldingByPk: `${holdingSelect} WHERE m.tenant_id = @tenantId AND m.model_pk = @modelPk`,
  insertHolding: `INSERT INTO shard.holding(tenant_id, model_pk, bits, held_chunks, held_bytes)
    VALUES (@tenantId, @modelPk, @bits, @heldChunks, @heldBytes)`,
  updateHolding: `UPDATE shard.holding SET bits = @bits, held_chunks = @heldChunks, held_bytes = @heldBytes ${ofModel}`,
} satisfies Partial<Record<StatementName, string>>

const edgesOf = (end: 'src' | 'dst', order: string) => `SELECT s.[key] AS [from], d.[key] AS [to], e.kind
    FROM OPENJSON(@keys) j
    JOIN shard.component c ON c.tenant_id = @tenantId AND c.model_pk = @modelPk
      AND c.[key] = j.[value] COLLATE ${collation}
    JOIN shard.edge e ON e.tenant_id = c.tenant_id AND e.${end} = c.component_pk
    JOIN shard.component s ON s.tenant_id = e.tenant_id AND s.component_pk = e.src
    JOIN shard.component d ON d.tenant_id = e.tenant_id AND d.component_pk = e.dst
    ORDER BY ${order}`

const ofKinds = `(@kinds IS NULL OR c.kind IN (SELECT k.[value] COLLATE ${collation} FROM OPENJSON(@kinds) k))`

/** Without the mark behind a text that ends in a space (`fields.ts`): a pattern sees what was put. */
const plainKey = `CASE WHEN SUBSTRING(c.[key], LEN(c.[key]), 1) = NCHAR(1)
        THEN SUBSTRING(c.[key], 1, LEN(c.[key]) - 1) ELSE c.[key] END`

const components = {
  insertComponent: `INSERT INTO shard.component(tenant_id, model_pk, [key], kind, layer, expert, size_bytes,
      parameter_count, meta, since_ms)
    VALUES (@tenantId, @modelPk, @key, @kind, @layer, @expert, @sizeBytes, @parameterCount, @meta, @atMs)`,
  deleteComponents,
  listComponentKeys: `SELECT [key], kind, component_pk AS componentPk FROM shard.component ${ofModel}`,
  trimComponentHistory: `DELETE FROM shard.component_history WHERE tenant_id = @tenantId AND history_pk <=
    (SELECT history_pk FROM shard.component_history WHERE tenant_id = @tenantId
      ORDER BY history_pk DESC OFFSET @keep ROWS FETCH NEXT 1 ROWS ONLY)`,
  insertComponentExtent: `INSERT INTO shard.component_extent(tenant_id, component_pk, ordinal, file_index, extent_index)
    VALUES (@tenantId, @componentPk, @ordinal, @fileIndex, @extentIndex)`,
  insertEdge: `INSERT INTO shard.edge(tenant_id, src, kind, dst) SELECT @tenantId, @src, @kind, @dst
    WHERE NOT EXISTS (SELECT 1 FROM shard.edge WITH (UPDLOCK, SERIALIZABLE)
      WHERE tenant_id = @tenantId AND src = @src AND kind = @kind AND dst = @dst)`,
  findComponents: `SELECT TOP (@limit) c.component_pk AS componentPk, c.model_pk AS modelPk, m.model_id AS modelId, c.[key],
      c.kind, c.layer, c.expert, c.size_bytes AS sizeBytes, c.parameter_count AS parameterCount, c.meta
    FROM shard.model m JOIN shard.component c ON c.tenant_id = m.tenant_id AND c.model_pk = m.model_pk
    WHERE m.tenant_id = @tenantId
      AND (@modelId IS NULL OR m.model_id = @modelId)
      AND (@key IS NULL OR c.[key] = @key)
      AND ${ofKinds}
      AND (@expertMin IS NULL OR c.expert >= @expertMin)
      AND (@expertMax IS NULL OR c.expert <= @expertMax)
      AND (@sizeMin IS NULL OR c.size_bytes >= @sizeMin)
      AND (@sizeMax IS NULL OR c.size_bytes <= @sizeMax)
      AND (@layerMin IS NULL OR c.layer >= @layerMin)
      AND (@layerMax IS NULL OR c.layer <= @layerMax)
      AND (@keyPattern IS NULL OR ${plainKey} LIKE @keyPattern ESCAPE N'\\')
      AND (@afterModelId IS NULL OR m.model_id > @afterModelId OR (m.model_id = @afterModelId AND c.[key] > @afterKey))
    ORDER BY m.model_id, c.[key]`,
  listComponentExtents: `SELECT x.component_pk AS componentPk, x.file_index AS fileIndex, x.extent_index AS extentIndex,
      e.first_chunk AS firstChunk, e.offset_bytes AS offsetBytes, e.size_bytes AS sizeBytes, e.name, e.dtype, e.shape
    FROM OPENJSON(@componentPks) j
    JOIN shard.component c ON c.tenant_id = @tenantId AND c.component_pk = CAST(j.[value] AS BIGINT)
    JOIN shard.component_extent x ON x.tenant_id = c.tenant_id AND x.component_pk = c.component_pk
    JOIN shard.extent e ON e.tenant_id = c.tenant_id AND e.model_pk = c.model_pk AND e.file_index = x.file_index
      AND e.extent_index = x.extent_index
    ORDER BY CAST(j.[key] AS BIGINT), x.ordinal`,
  listComponentsByKey: `SELECT c.[key], c.component_pk AS componentPk
    FROM OPENJSON(@keys) j
    JOIN shard.component c ON c.tenant_id = @tenantId AND c.model_pk = @modelPk
      AND c.[key] = j.[value] COLLATE ${collation}
    ORDER BY CAST(j.[key] AS BIGINT)`,
  listEdgesOut: edgesOf('src', 's.[key], e.kind, d.[key]'),
  listEdgesIn: edgesOf('dst', 'd.[key], e.kind, s.[key]'),
} satisfies Partial<Record<StatementName, string>>

const canGo = `r.is_own = 0 AND NOT EXISTS
  (SELECT 1 FROM shard.model m WHERE m.tenant_id = r.tenant_id AND m.model_id = r.model_id)`
const deleteOldest = (condition: string) => `DELETE FROM shard.release WHERE tenant_id = @tenantId AND release_pk =
  (SELECT TOP (1) r.release_pk FROM shard.release r WHERE r.tenant_id = @tenantId AND ${condition} ORDER BY r.release_pk)`
const releasePage = (condition: string) => `SELECT TOP (@limit) release_pk AS releasePk, body, bytes, signature,
    received_from AS receivedFrom, received_at_ms AS receivedAtMs, is_own AS isOwn
  FROM shard.release WHERE tenant_id = @tenantId ${condition} AND release_pk > @afterPk
    AND (@sinceMs IS NULL OR received_at_ms >= @sinceMs)
  ORDER BY release_pk`
const ofName = 'AND (@name IS NULL OR name = @name)'
const ofLicence = 'AND (@licence IS NULL OR licence = @licence)'

const releases = {
  findRelease: `SELECT release_pk AS releasePk, created_at_ms AS createdAtMs, is_own AS isOwn, bytes
    FROM shard.release WHERE tenant_id = @tenantId AND publisher = @publisher AND model_id = @modelId AND name = @name`,
  insertRelease: `INSERT INTO shard.release(tenant_id, model_id, publisher, name, created_at_ms, is_own, body, bytes,
      signature, received_from, received_at_ms)
    VALUES (@tenantId, @modelId, @publisher, @name, @createdAtMs, @isOwn, @body, @bytes, @signature, @receivedFrom,
      @receivedAtMs)`,
  deleteRelease: `DELETE FROM shard.release WHERE tenant_id = @tenantId AND release_pk = @releasePk`,
  markReleaseOwn: `UPDATE shard.release SET is_own = 1 WHERE tenant_id = @tenantId AND release_pk = @releasePk`,
  countReleases: `SELECT COUNT(*) AS [count] FROM shard.release WHERE tenant_id = @tenantId`,
  countReleasesFrom: `SELECT COUNT(*) AS [count] FROM shard.release
    WHERE tenant_id = @tenantId AND received_from = @receivedFrom`,
  largestReleaseSource: `SELECT TOP (1) received_from AS receivedFrom, COUNT(*) AS [count] FROM shard.release
    WHERE tenant_id = @tenantId GROUP BY received_from ORDER BY COUNT(*) DESC, received_from`,
  deleteOldestRelease: deleteOldest(canGo),
  deleteOldestReleaseFrom: deleteOldest(`r.received_from = @receivedFrom AND ${canGo}`),
  countReleasesOfModel: `SELECT COUNT(*) AS [count] FROM shard.release
    WHERE tenant_id = @tenantId AND model_id = @modelId AND is_own = 0`,
  deleteOldestReleaseOfModel: deleteOldest('r.model_id = @modelId AND r.is_own = 0'),
  listReleases: releasePage(''),
  listReleasesOfModel: releasePage(`AND model_id = @modelId ${ofName} ${ofLicence}`),
  listReleasesByName: releasePage(`AND name = @name ${ofLicence}`),
  listReleasesByLicence: releasePage('AND licence = @licence'),
} satisfies Partial<Record<StatementName, string>>

/** Paths are longer than a key of an index may be; their hash is the key. */
const ofPath = `tenant_id = @tenantId AND path_sha256 = HASHBYTES('SHA2_256', @path) AND path = @path`
const oldPaths = `SELECT path FROM shard.ingest_checkpoint WHERE tenant_id = @tenantId
      ORDER BY updated_at_ms DESC, path OFFSET @keep ROWS`

const small = {
  findCheckpoint: `SELECT [identity], leaf_count AS leafCount FROM shard.ingest_checkpoint WHERE ${ofPath}`,
  putCheckpoint: `UPDATE shard.ingest_checkpoint WITH (UPDLOCK, SERIALIZABLE)
    SET [identity] = @identity, leaf_count = @leafCount, updated_at_ms = @atMs WHERE ${ofPath};
IF @@ROWCOUNT = 0 INSERT INTO shard.ingest_checkpoint(tenant_id, path, [identity], leaf_count, updated_at_ms)
    VALUES (@tenantId, @path, @identity, @leafCount, @atMs)`,
  deleteCheckpoint: `DELETE FROM shard.ingest_leaf WHERE ${ofPath};
DELETE FROM shard.ingest_checkpoint WHERE ${ofPath}`,
  deleteOldCheckpoints: `DELETE FROM shard.ingest_leaf WHERE tenant_id = @tenantId AND path IN
    (${oldPaths});
DELETE FROM shard.ingest_checkpoint WHERE tenant_id = @tenantId AND path IN
    (${oldPaths})`,
  deleteCheckpointLeaves: `DELETE FROM shard.ingest_leaf WHERE ${ofPath} AND block >= @fromBlock`,
  insertCheckpointLeaves: `INSERT INTO shard.ingest_leaf(tenant_id, path, block, leaves)
    VALUES (@tenantId, @path, @block, @leaves)`,
  listCheckpointLeaves: `SELECT leaves FROM shard.ingest_leaf WHERE ${ofPath} ORDER BY block`,

  putSetting: `UPDATE shard.setting WITH (UPDLOCK, SERIALIZABLE) SET value = @value
    WHERE tenant_id = @tenantId AND [key] = @key;
IF @@ROWCOUNT = 0 INSERT INTO shard.setting(tenant_id, [key], value) VALUES (@tenantId, @key, @value)`,
  deleteSetting: `DELETE FROM shard.setting WHERE tenant_id = @tenantId AND [key] = @key`,
  findSetting: `SELECT value FROM shard.setting WHERE tenant_id = @tenantId AND [key] = @key`,

  insertOutbox: `INSERT INTO shard.outbox(tenant_id, topic, body, at_ms) VALUES (@tenantId, @topic, @body, @atMs)`,
  countLeased: `SELECT COUNT(*) AS [count] FROM shard.outbox WHERE tenant_id = @tenantId AND lease_until_ms > @atMs`,
  listOutbox: `SELECT TOP (@limit) seq, topic, body, at_ms AS atMs FROM shard.outbox WHERE tenant_id = @tenantId
    ORDER BY seq`,
  leaseOutbox: `UPDATE shard.outbox SET lease_until_ms = @leaseUntilMs
    WHERE tenant_id = @tenantId AND seq IN (SELECT CAST(j.[value] AS BIGINT) FROM OPENJSON(@seqs) j)`,
  trimOutbox: `DELETE FROM shard.outbox WHERE tenant_id = @tenantId AND seq <=
    (SELECT seq FROM shard.outbox WHERE tenant_id = @tenantId ORDER BY seq DESC OFFSET @keep ROWS FETCH NEXT 1 ROWS ONLY)`,
  deleteOutbox: `DELETE FROM shard.outbox
    WHERE tenant_id = @tenantId AND seq IN (SELECT CAST(j.[value] AS BIGINT) FROM OPENJSON(@seqs) j)`,
} satisfies Partial<Record<StatementName, string>>

/** A term may come from several sources: the first one stands for all. */
const isFirstSource = `d.source = (SELECT MIN(x.source) FROM shard.search_term x
      WHERE x.tenant_id = d.tenant_id AND x.term = d.term AND x.model_id = d.model_id)`

const search = {
  insertSearchTerm: `INSERT INTO shard.search_term(tenant_id, term, model_id, source) SELECT @tenantId, @term, @modelId, @source
    WHERE NOT EXISTS (SELECT 1 FROM shard.search_term WITH (UPDLOCK, SERIALIZABLE)
      WHERE tenant_id = @tenantId AND term = @term AND model_id = @modelId AND source = @source)`,
  deleteModelTerms: 'DELETE FROM shard.search_term WHERE tenant_id = @tenantId AND model_id = @modelId AND source = 0',
  countSearchTerm: `SELECT COUNT(*) AS [count] FROM
    (SELECT DISTINCT TOP (@limit) model_id FROM shard.search_term WHERE tenant_id = @tenantId AND term = @term) t`,
  listSearchTerms: `SELECT DISTINCT t.term FROM OPENJSON(@terms) j
    JOIN shard.search_term t ON t.tenant_id = @tenantId AND t.term = j.[value] COLLATE ${collation} AND t.model_id = @modelId`,
  findModelsByTerms: `SELECT TOP (@limit) m.model_id AS modelId
    FROM shard.search_term d JOIN shard.model m ON m.tenant_id = d.tenant_id AND m.model_id = d.model_id
    WHERE d.tenant_id = @tenantId AND d.term = @term AND (@afterModelId IS NULL OR d.model_id > @afterModelId)
      AND ${isFirstSource}
      AND NOT EXISTS (SELECT 1 FROM OPENJSON(@all) j WHERE NOT EXISTS (SELECT 1 FROM shard.search_term t
        WHERE t.tenant_id = @tenantId AND t.term = j.[value] COLLATE ${collation} AND t.model_id = d.model_id))
    ORDER BY d.model_id`,
  findModelsWithoutTerm: `SELECT TOP (@limit) m.model_id AS modelId FROM shard.model m WHERE m.tenant_id = @tenantId
      AND NOT EXISTS (SELECT 1 FROM shard.search_term t
        WHERE t.tenant_id = @tenantId AND t.term = @term AND t.model_id = m.model_id)
    ORDER BY m.model_id`,
} satisfies Partial<Record<StatementName, string>>

const ofSpace = 'e.tenant_id = @tenantId AND e.space_pk = @spacePk'
const ofRevs = 'e.rev > @afterRev AND e.rev <= @untilRev'
const componentOfEmbedding = `JOIN shard.component c ON c.tenant_id = e.tenant_id AND c.component_pk = e.component_pk
    JOIN shard.model m ON m.tenant_id = c.tenant_id AND m.model_pk = c.model_pk`
const ofComponent = `(@modelId IS NULL OR m.model_id = @modelId) AND ${ofKinds}
      AND (@layerMin IS NULL OR c.layer >= @layerMin) AND (@layerMax IS NULL OR c.layer <= @layerMax)`

const embeddings = {
  findSpace: `SELECT s.space_pk AS spacePk, s.dimension, s.row_count AS rowCount, s.index_number AS indexNumber, h.rev,
      h.uid AS shardUid
    FROM shard.space s JOIN shard.shard h ON h.shard_pk = 1 WHERE s.tenant_id = @tenantId AND s.name = @name`,
  insertSpace: 'INSERT INTO shard.space(tenant_id, name, dimension) VALUES (@tenantId, @name, @dimension)',
  countSpaces: 'SELECT COUNT(*) AS [count] FROM shard.space WHERE tenant_id = @tenantId',
  numberIndex: `UPDATE shard.space SET index_number = index_number + 1 OUTPUT inserted.index_number AS indexNumber
    WHERE tenant_id = @tenantId AND space_pk = @spacePk`,
  deleteEmbedding: `DELETE FROM shard.embedding
    WHERE tenant_id = @tenantId AND space_pk = @spacePk AND component_pk = @componentPk`,
  insertEmbedding: `INSERT INTO shard.embedding(rev, tenant_id, space_pk, component_pk, vector)
    VALUES (@rev, @tenantId, @spacePk, @componentPk, @vector)`,
  listEmbeddings: `SELECT TOP (@limit) e.rev, e.vector FROM shard.embedding e WHERE ${ofSpace} AND ${ofRevs} ORDER BY e.rev`,
  countEmbeddings: `SELECT COUNT(*) AS [count] FROM shard.embedding e WHERE ${ofSpace} AND ${ofRevs}`,
  listVectors: `SELECT e.rev, e.vector FROM OPENJSON(@revs) j JOIN shard.embedding e ON e.rev = CAST(j.[value] AS BIGINT)
    WHERE ${ofSpace}`,
  listNeighbours: `SELECT e.rev, m.model_id AS modelId, c.[key]
    FROM OPENJSON(@revs) j JOIN shard.embedding e ON e.rev = CAST(j.[value] AS BIGINT) ${componentOfEmbedding}
    WHERE ${ofSpace} AND ${ofComponent}`,
  listEmbeddingsOf: `SELECT TOP (@limit) e.rev, e.vector FROM shard.embedding e ${componentOfEmbedding}
    WHERE ${ofSpace} AND ${ofRevs} AND ${ofComponent} ORDER BY e.rev`,
} satisfies Partial<Record<StatementName, string>>

/** Every table but those of the migrations and of a move, for row counts. */
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
  'search_term',
  'shard',
  'space',
  'embedding',
] as const

const shared = {
  findTenant: `SELECT tenant_id AS tenantId FROM shard.tenant
    WHERE name_sha256 = HASHBYTES('SHA2_256', @name) AND name = @name`,
  insertTenant: 'INSERT INTO shard.tenant(name) OUTPUT inserted.tenant_id AS tenantId VALUES (@name)',
  listTenants: 'SELECT name FROM shard.tenant ORDER BY name',
  takeRevs: 'UPDATE shard.shard SET rev = rev + @count OUTPUT inserted.rev AS rev WHERE shard_pk = 1',
  // `shard` has one row, always.
  countRows: tableNames
    .filter((name) => name !== 'shard')

    .map((name) => `SELECT N'${name}' AS name, COUNT(*) AS [count] FROM shard.${name}`)
    .join('\nUNION ALL '),
} satisfies Partial<Record<StatementName, string>>

const common: Readonly<Record<StatementName, string>> = {
  ...models,
  ...content,
  ...components,
  ...releases,
  ...small,
  ...search,
  ...moneyStatements,
  ...coordinatorStatements,
  ...embeddings,
  ...vectorStatements,
  ...shared,
}

export const statementNames = Object.keys(common) as StatementName[]

/** The tenant that the row-level policy lets see all rows: for row counts and for moving a shard. */
export const everyTenant = '-1'

/** `undefined` where the server does by itself what the statement is for. */
export function statementOf(name: StatementName, profile: Pick<MssqlProfile, 'hasHistory'>): string | undefined {
  // The history of a temporal table can only be read; it is bounded by its retention period.
  return name === 'trimComponentHistory' && profile.hasHistory === 'temporal' ? undefined : common[name]
}

/**
 * The pool hands a connection on as its last user left it: the tenant of the row-level policy is set in the batch that
 * needs it, and cleared behind it. A batch that fails in between is followed by one that sets its own.
 */
export function underPolicy(name: StatementName, batchText: string): string {
  if (Object.hasOwn(shared, name)) return name === 'countRows' ? setTenant(everyTenant, batchText) : batchText
  return setTenant('@tenantId', batchText)
}

export function setTenant(tenant: '@tenantId' | typeof everyTenant, batchText: string): string {
  return `EXEC sys.sp_set_session_context N'tenant_id', ${tenant};
${batchText};
EXEC sys.sp_set_session_context N'tenant_id', NULL`
}
