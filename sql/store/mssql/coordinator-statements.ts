/** Texts for SQL Server of what a coordinator keeps: jobs, keys of programs, documents, checkpoints of workflows. */
import type { StatementName } from '../statements.ts'
import { collation } from './collation.ts'

const jobColumns = `j.job_id AS jobId, j.kind, j.idempotency_key AS idempotencyKey, j.request_hash AS requestHash,
      j.parent_job_id AS parentJobId, j.created_at_ms AS createdAtMs, j.state, j.reason, j.revision, j.owner,
      j.owner_until_ms AS ownerUntilMs, j.is_cancel_requested AS isCancelRequested, j.updated_at_ms AS updatedAtMs,
      j.finished_at_ms AS finishedAtMs, j.detail, j.result, j.error, j.charged_wei AS chargedWei,
      j.size_bytes AS sizeBytes, j.event_count AS eventCount`
const ofJob = 'WHERE tenant_id = @tenantId AND job_id = @jobId'
const idsGiven = `SELECT i.[value] COLLATE ${collation} FROM OPENJSON(@jobIds) i`
const foundJob = 'SELECT TOP (@limit) j.job_id AS jobId, j.size_bytes AS sizeBytes FROM shard.job j'
const jobPage = (condition: string) => `${foundJob}
    WHERE j.tenant_id = @tenantId ${condition} AND j.job_id > @afterJobId ORDER BY j.job_id`
const jobPageBack = (condition: string) => `${foundJob}
    WHERE j.tenant_id = @tenantId ${condition} AND j.job_id < @beforeJobId ORDER BY j.job_id DESC`
const ofState = 'AND j.state = @state'
const ofKind = 'AND j.kind = @kind AND j.state = @state'
const ofParent = `AND j.parent_job_id = @parentJobId AND (@kind IS NULL OR j.kind = @kind)
      AND (@states IS NULL OR j.state IN (SELECT s.[value] COLLATE ${collation} FROM OPENJSON(@states) s))`

const jobs = {
  listJobsById: `SELECT ${jobColumns}, r.request
    FROM OPENJSON(@jobIds) i
    JOIN shard.job j ON j.tenant_id = @tenantId AND j.job_id = i.[value] COLLATE ${collation}
    JOIN shard.job_request r ON r.tenant_id = j.tenant_id AND r.job_id = j.job_id`,
  listJobsByKey: `SELECT j.job_id AS jobId, j.idempotency_key AS idempotencyKey, j.request_hash AS requestHash
    FROM OPENJSON(@idempotencyKeys) i
    JOIN shard.job j ON j.tenant_id = @tenantId AND j.idempotency_key = i.[value] COLLATE ${collation}`,
  insertJob: `INSERT INTO shard.job(tenant_id, job_id, kind, idempotency_key, request_hash, parent_job_id, created_at_ms,
      state, reason, revision, owner_until_ms, is_cancel_requested, updated_at_ms, detail, charged_wei, size_bytes,
      event_count)
    VALUES (@tenantId, @jobId, @kind, @idempotencyKey, @requestHash, @parentJobId, @createdAtMs, N'queued', @reason, 1, 0, 0,
      @createdAtMs, N'{}', N'0', @sizeBytes, 0)`,
  insertJobRequest: 'INSERT INTO shard.job_request(tenant_id, job_id, request) VALUES (@tenantId, @jobId, @request)',
  updateJob: `UPDATE shard.job SET state = @state, reason = @reason, revision = @revision, owner = @owner,
      owner_until_ms = @ownerUntilMs, is_cancel_requested = @isCancelRequested, updated_at_ms = @updatedAtMs,
      finished_at_ms = @finishedAtMs, detail = @detail, result = @result, error = @error, charged_wei = @chargedWei,
      size_bytes = @sizeBytes, event_count = @eventCount
    ${ofJob} AND revision = @revision - 1 AND finished_at_ms IS NULL`,
  listJobs: jobPage(''),
  listJobsBack: jobPageBack(''),
  listJobsOfState: jobPage(ofState),
  listJobsOfStateBack: jobPageBack(ofState),
  listJobsOfKind: jobPage(ofKind),
  listJobsOfKindBack: jobPageBack(ofKind),
  listJobsOfParent: jobPage(ofParent),
  listJobsOfParentBack: jobPageBack(ofParent),
  listFreeJobs: `${foundJob}
    WHERE j.tenant_id = @tenantId AND j.state = @state AND j.owner_until_ms = 0 AND j.finished_at_ms IS NULL
    ORDER BY j.job_id`,
  listAbandonedJobs: `${foundJob}
    WHERE j.tenant_id = @tenantId AND j.state = @state AND j.owner_until_ms > 0 AND j.owner_until_ms <= @atMs
      AND j.finished_at_ms IS NULL
    ORDER BY j.job_id`,
  claimJobs: `UPDATE shard.job SET owner = @owner, owner_until_ms = @ownerUntilMs, revision = revision + 1,
      updated_at_ms = @atMs
    WHERE tenant_id = @tenantId AND job_id IN (${idsGiven})`,
  listFinishedJobs: `${foundJob}
    WHERE j.tenant_id = @tenantId AND j.finished_at_ms < @atMs ORDER BY j.finished_at_ms, j.job_id`,
  deleteJobs: `DELETE FROM shard.job WHERE tenant_id = @tenantId AND job_id IN (${idsGiven})`,
  putAttempt: `UPDATE shard.job_attempt WITH (UPDLOCK, SERIALIZABLE)
    SET peer_id = @peerId, is_hedge = @isHedge, started_at_ms = @startedAtMs, ended_at_ms = @endedAtMs,
      outcome = @outcome, detail = @detail, paid_wei = @paidWei, receipt_hash = @receiptHash
    ${ofJob} AND attempt = @attempt;
IF @@ROWCOUNT = 0 INSERT INTO shard.job_attempt(tenant_id, job_id, attempt, peer_id, is_hedge, started_at_ms, ended_at_ms,
      outcome, detail, paid_wei, receipt_hash)
    VALUES (@tenantId, @jobId, @attempt, @peerId, @isHedge, @startedAtMs, @endedAtMs, @outcome, @detail, @paidWei,
      @receiptHash)`,
  listAttempts: `SELECT job_id AS jobId, attempt, peer_id AS peerId, is_hedge AS isHedge, started_at_ms AS startedAtMs,
      ended_at_ms AS endedAtMs, outcome, detail, paid_wei AS paidWei, receipt_hash AS receiptHash
    FROM shard.job_attempt ${ofJob} ORDER BY attempt`,
  listWonAttempts: `SELECT a.job_id AS jobId, a.attempt FROM OPENJSON(@jobIds) i
    JOIN shard.job_attempt a ON a.tenant_id = @tenantId AND a.job_id = i.[value] COLLATE ${collation}
      AND a.outcome = N'won'`,
  insertJobEvent: `INSERT INTO shard.job_event(tenant_id, job_id, seq, at_ms, body)
    VALUES (@tenantId, @jobId, @seq, @atMs, @body)`,
  listJobEvents: `SELECT TOP (@limit) seq, at_ms AS atMs, body FROM shard.job_event
    ${ofJob} AND seq > @afterSeq ORDER BY seq`,
} satisfies Partial<Record<StatementName, string>>

/** Holders are longer than a key of an index may be; their hash is the key. */
const ofHolder = `tenant_id = @tenantId AND holder_sha256 = HASHBYTES('SHA2_256', @holder) AND holder = @holder`
const apiKeySelect = `SELECT key_id AS keyId, hash, holder, label, scopes, created_at_ms AS createdAtMs,
      expires_at_ms AS expiresAtMs, revoked_at_ms AS revokedAtMs, last_used_at_ms AS lastUsedAtMs FROM shard.api_key`
const ofKey = 'WHERE tenant_id = @tenantId AND key_id = @keyId'

const apiKeys = {
  insertApiKey: `INSERT INTO shard.api_key(tenant_id, key_id, hash, holder, label, scopes, created_at_ms, expires_at_ms,
      revoked_at_ms, last_used_at_ms)
    VALUES (@tenantId, @keyId, @hash, @holder, @label, @scopes, @createdAtMs, @expiresAtMs, @revokedAtMs, @lastUsedAtMs)`,
  findApiKey: `${apiKeySelect} ${ofKey}`,
  listApiKeys: `${apiKeySelect} WHERE ${ofHolder} ORDER BY created_at_ms, key_id`,
  countApiKeys: `SELECT COUNT(*) AS [count] FROM shard.api_key WHERE ${ofHolder}`,
  revokeApiKey: `UPDATE shard.api_key SET revoked_at_ms = @atMs ${ofKey} AND revoked_at_ms IS NULL`,
  touchApiKey: `UPDATE shard.api_key SET last_used_at_ms = @atMs
    ${ofKey} AND (last_used_at_ms IS NULL OR last_used_at_ms < @atMs)`,
} satisfies Partial<Record<StatementName, string>>

const documents = {
  insertDocument: `INSERT INTO shard.document(tenant_id, hash, [text], created_at_ms) SELECT @tenantId, @hash, @text, @atMs
    WHERE NOT EXISTS (SELECT 1 FROM shard.document WITH (UPDLOCK, SERIALIZABLE)
      WHERE tenant_id = @tenantId AND hash = @hash)`,
  findDocument: 'SELECT [text] FROM shard.document WHERE tenant_id = @tenantId AND hash = @hash',
  hasDocument: 'SELECT COUNT(*) AS [count] FROM shard.document WHERE tenant_id = @tenantId AND hash = @hash',
  insertDocumentName: `INSERT INTO shard.document_name(tenant_id, name, version, hash, at_ms)
    VALUES (@tenantId, @name, @version, @hash, @atMs)`,
  listDocumentVersions: `SELECT TOP (@limit) version, hash, at_ms AS atMs FROM shard.document_name
    WHERE tenant_id = @tenantId AND name = @name ORDER BY version DESC`,
  listDocumentNames: `SELECT n.name, n.hash, n.at_ms AS atMs
    FROM (SELECT name, MAX(version) AS version FROM shard.document_name
      WHERE tenant_id = @tenantId AND name >= @fromName AND name < @untilName GROUP BY name) g
    JOIN shard.document_name n ON n.tenant_id = @tenantId AND n.name = g.name AND n.version = g.version ORDER BY n.name`,
} satisfies Partial<Record<StatementName, string>>

const totals = {
  addToTotal: `UPDATE shard.tenant_total WITH (UPDLOCK, SERIALIZABLE)
    SET open_jobs = open_jobs + @openJobs, stored_bytes = stored_bytes + @storedBytes WHERE tenant_id = @tenantId;
IF @@ROWCOUNT = 0 INSERT INTO shard.tenant_total(tenant_id, open_jobs, stored_bytes)
    VALUES (@tenantId, @openJobs, @storedBytes)`,
  findTotal: `SELECT open_jobs AS openJobs, stored_bytes AS storedBytes FROM shard.tenant_total
    WHERE tenant_id = @tenantId`,
} satisfies Partial<Record<StatementName, string>>

const ofCheckpoint = `WHERE tenant_id = @tenantId AND thread = @thread AND namespace = @namespace
      AND checkpoint_id = @checkpointId`
const threadPage = (condition: string) => `SELECT TOP (@limit) namespace, checkpoint_id AS checkpointId,
      size_bytes AS sizeBytes
    FROM shard.thread_checkpoint
    WHERE tenant_id = @tenantId AND thread = @thread ${condition} AND checkpoint_id < @beforeCheckpointId
    ORDER BY checkpoint_id DESC, namespace`

const threads = {
  putThreadCheckpoint: `UPDATE shard.thread_checkpoint WITH (UPDLOCK, SERIALIZABLE)
    SET parent_id = @parentId, body = @checkpoint, metadata = @metadata, size_bytes = @sizeBytes ${ofCheckpoint};
IF @@ROWCOUNT = 0 INSERT INTO shard.thread_checkpoint(tenant_id, thread, namespace, checkpoint_id, parent_id, body, metadata,
      size_bytes)
    VALUES (@tenantId, @thread, @namespace, @checkpointId, @parentId, @checkpoint, @metadata, @sizeBytes)`,
  findThreadCheckpoint: `SELECT thread, namespace, checkpoint_id AS checkpointId, parent_id AS parentId,
      body AS [checkpoint], metadata
    FROM shard.thread_checkpoint ${ofCheckpoint}`,
  listThreadCheckpoints: threadPage(''),
  listThreadCheckpointsOf: threadPage('AND namespace = @namespace'),
  putCheckpointWrite: `UPDATE shard.thread_write WITH (UPDLOCK, SERIALIZABLE) SET channel = @channel, value = @bytes
    ${ofCheckpoint} AND task_id = @taskId AND ordinal = @ordinal;
IF @@ROWCOUNT = 0 INSERT INTO shard.thread_write(tenant_id, thread, namespace, checkpoint_id, task_id, ordinal, channel, value)
    VALUES (@tenantId, @thread, @namespace, @checkpointId, @taskId, @ordinal, @channel, @bytes)`,
  listCheckpointWrites: `SELECT task_id AS taskId, ordinal, channel, value AS bytes FROM shard.thread_write
    ${ofCheckpoint} ORDER BY task_id, ordinal`,
  deleteThreadCheckpoints: 'DELETE FROM shard.thread_checkpoint WHERE tenant_id = @tenantId AND thread = @thread',
  deleteThreadWrites: 'DELETE FROM shard.thread_write WHERE tenant_id = @tenantId AND thread = @thread',
} satisfies Partial<Record<StatementName, string>>

export const coordinatorStatements = { ...jobs, ...apiKeys, ...documents, ...totals, ...threads }
