/** Texts for SQLite of what a coordinator keeps: jobs, keys of programs, documents, checkpoints of workflows. */
import type { StatementName } from '../statements.ts'

const jobBody = `j.state, j.reason, j.revision, j.owner, j.owner_until_ms as ownerUntilMs,
      j.is_cancel_requested as isCancelRequested, j.updated_at_ms as updatedAtMs, j.finished_at_ms as finishedAtMs,
      j.detail, j.result, j.error, j.charged_wei as chargedWei, j.size_bytes as sizeBytes, j.event_count as eventCount`
const jobColumns = `j.job_id as jobId, j.kind, j.idempotency_key as idempotencyKey, j.request_hash as requestHash,
      j.parent_job_id as parentJobId, j.created_at_ms as createdAtMs, ${jobBody}`
const jobsIn = 'from json_each(:jobIds) i cross join'
const foundJob = 'select j.job_id as jobId, j.size_bytes as sizeBytes from job j'
const jobPage = (index: string, condition: string) => `${foundJob} ${index}
    where j.tenant_id = :tenantId ${condition} and j.job_id > :afterJobId order by j.job_id limit :limit`
const jobPageBack = (index: string, condition: string) => `${foundJob} ${index}
    where j.tenant_id = :tenantId ${condition} and j.job_id < :beforeJobId order by j.job_id desc limit :limit`
const ofState = ['indexed by job_state', 'and j.state = :state'] as const
const ofKind = ['indexed by job_kind', 'and j.kind = :kind and j.state = :state'] as const
const ofParent = [
  'indexed by job_parent',
  `and j.parent_job_id = :parentJobId and (:kind is null or j.kind = :kind)
      and (:states is null or j.state in (select value from json_each(:states)))`,
] as const

const jobs = {
  listJobsById: `select ${jobColumns}, r.request ${jobsIn} job j on j.tenant_id = :tenantId and j.job_id = i.value
    cross join job_request r on r.tenant_id = j.tenant_id and r.job_id = j.job_id`,
  listJobsByKey: `select j.job_id as jobId, j.idempotency_key as idempotencyKey, j.request_hash as requestHash
    from json_each(:idempotencyKeys) i cross join job j indexed by job_idempotency
      on j.tenant_id = :tenantId and j.idempotency_key = i.value`,
  insertJob: `insert into job(tenant_id, job_id, kind, idempotency_key, request_hash, parent_job_id, created_at_ms, state,
      reason, revision, owner_until_ms, is_cancel_requested, updated_at_ms, detail, charged_wei, size_bytes, event_count)
    values(:tenantId, :jobId, :kind, :idempotencyKey, :requestHash, :parentJobId, :createdAtMs, 'queued', :reason, 1, 0, 0,
      :createdAtMs, '{}', '0', :sizeBytes, 0)`,
  insertJobRequest: 'insert into job_request(tenant_id, job_id, request) values(:tenantId, :jobId, :request)',
  updateJob: `update job set state = :state, reason = :reason, revision = :revision, owner = :owner,
      owner_until_ms = :ownerUntilMs, is_cancel_requested = :isCancelRequested, updated_at_ms = :updatedAtMs,
      finished_at_ms = :finishedAtMs, detail = :detail, result = :result, error = :error, charged_wei = :chargedWei,
      size_bytes = :sizeBytes, event_count = :eventCount
    where tenant_id = :tenantId and job_id = :jobId and revision = :revision - 1 and finished_at_ms is null`,
  listJobs: jobPage('', ''),
  listJobsBack: jobPageBack('', ''),
  listJobsOfState: jobPage(...ofState),
  listJobsOfStateBack: jobPageBack(...ofState),
  listJobsOfKind: jobPage(...ofKind),
  listJobsOfKindBack: jobPageBack(...ofKind),
  listJobsOfParent: jobPage(...ofParent),
  listJobsOfParentBack: jobPageBack(...ofParent),
  listFreeJobs: `${foundJob} indexed by job_unfinished
    where j.tenant_id = :tenantId and j.state = :state and j.owner_until_ms = 0 and j.finished_at_ms is null
    order by j.job_id limit :limit`,
  listAbandonedJobs: `${foundJob} indexed by job_unfinished
    where j.tenant_id = :tenantId and j.state = :state and j.owner_until_ms > 0 and j.owner_until_ms <= :atMs
      and j.finished_at_ms is null
    order by j.job_id limit :limit`,
  claimJobs: `update job set owner = :owner, owner_until_ms = :ownerUntilMs, revision = revision + 1, updated_at_ms = :atMs
    where tenant_id = :tenantId and job_id in (select value from json_each(:jobIds))`,
  listFinishedJobs: `${foundJob} indexed by job_finished
    where j.tenant_id = :tenantId and j.finished_at_ms < :atMs order by j.finished_at_ms, j.job_id limit :limit`,
  deleteJobs: 'delete from job where tenant_id = :tenantId and job_id in (select value from json_each(:jobIds))',
  putAttempt: `insert into job_attempt(tenant_id, job_id, attempt, peer_id, is_hedge, started_at_ms, ended_at_ms, outcome,
      detail, paid_wei, receipt_hash)
    values(:tenantId, :jobId, :attempt, :peerId, :isHedge, :startedAtMs, :endedAtMs, :outcome, :detail, :paidWei,
      :receiptHash)
    on conflict(tenant_id, job_id, attempt) do update set peer_id = excluded.peer_id, is_hedge = excluded.is_hedge,
      started_at_ms = excluded.started_at_ms, ended_at_ms = excluded.ended_at_ms, outcome = excluded.outcome,
      detail = excluded.detail, paid_wei = excluded.paid_wei, receipt_hash = excluded.receipt_hash`,
  listAttempts: `select job_id as jobId, attempt, peer_id as peerId, is_hedge as isHedge, started_at_ms as startedAtMs,
      ended_at_ms as endedAtMs, outcome, detail, paid_wei as paidWei, receipt_hash as receiptHash
    from job_attempt where tenant_id = :tenantId and job_id = :jobId order by attempt`,
  listWonAttempts: `select a.job_id as jobId, a.attempt ${jobsIn} job_attempt a indexed by job_attempt_won
      on a.tenant_id = :tenantId and a.job_id = i.value and a.outcome = 'won'`,
  insertJobEvent: `insert into job_event(tenant_id, job_id, seq, at_ms, body)
    values(:tenantId, :jobId, :seq, :atMs, :body)`,
  listJobEvents: `select seq, at_ms as atMs, body from job_event
    where tenant_id = :tenantId and job_id = :jobId and seq > :afterSeq order by seq limit :limit`,
} satisfies Partial<Record<StatementName, string>>

const apiKeySelect = `select key_id as keyId, hash, holder, label, scopes, created_at_ms as createdAtMs,
      expires_at_ms as expiresAtMs, revoked_at_ms as revokedAtMs, last_used_at_ms as lastUsedAtMs from api_key`

const apiKeys = {
  insertApiKey: `insert into api_key(tenant_id, key_id, hash, holder, label, scopes, created_at_ms, expires_at_ms,
      revoked_at_ms, last_used_at_ms)
    values(:tenantId, :keyId, :hash, :holder, :label, :scopes, :createdAtMs, :expiresAtMs, :revokedAtMs, :lastUsedAtMs)`,
  findApiKey: `${apiKeySelect} where tenant_id = :tenantId and key_id = :keyId`,
  listApiKeys: `${apiKeySelect} where tenant_id = :tenantId and holder = :holder order by created_at_ms, key_id`,
  countApiKeys: 'select count(*) as count from api_key where tenant_id = :tenantId and holder = :holder',
  revokeApiKey: `update api_key set revoked_at_ms = :atMs
    where tenant_id = :tenantId and key_id = :keyId and revoked_at_ms is null`,
  touchApiKey: `update api_key set last_used_at_ms = :atMs
    where tenant_id = :tenantId and key_id = :keyId and coalesce(last_used_at_ms, -1) < :atMs`,
} satisfies Partial<Record<StatementName, string>>

const documents = {
  insertDocument: `insert or ignore into document(tenant_id, hash, text, created_at_ms)
    values(:tenantId, :hash, :text, :atMs)`,
  findDocument: 'select text from document where tenant_id = :tenantId and hash = :hash',
  hasDocument: 'select count(*) as count from document where tenant_id = :tenantId and hash = :hash',
  insertDocumentName: `insert into document_name(tenant_id, name, version, hash, at_ms)
    values(:tenantId, :name, :version, :hash, :atMs)`,
  listDocumentVersions: `select version, hash, at_ms as atMs from document_name
    where tenant_id = :tenantId and name = :name order by version desc limit :limit`,
  listDocumentNames: `select n.name, n.hash, n.at_ms as atMs
    from (select name as ofName, max(version) as latest from document_name
      where tenant_id = :tenantId and name >= :fromName and name < :untilName group by name order by name)
    cross join document_name n on n.tenant_id = :tenantId and n.name = ofName and n.version = latest order by ofName`,
} satisfies Partial<Record<StatementName, string>>

const totals = {
  addToTotal: `insert into tenant_total(tenant_id, open_jobs, stored_bytes) values(:tenantId, :openJobs, :storedBytes)
    on conflict(tenant_id) do update set open_jobs = open_jobs + excluded.open_jobs,
      stored_bytes = stored_bytes + excluded.stored_bytes`,
  findTotal: `select open_jobs as openJobs, stored_bytes as storedBytes from tenant_total where tenant_id = :tenantId`,
} satisfies Partial<Record<StatementName, string>>

const ofCheckpoint = `where tenant_id = :tenantId and thread = :thread and namespace = :namespace
      and checkpoint_id = :checkpointId`
const threadPage = (condition: string) => `select namespace, checkpoint_id as checkpointId, size_bytes as sizeBytes
    from thread_checkpoint where tenant_id = :tenantId and thread = :thread ${condition} and checkpoint_id < :beforeCheckpointId
    order by checkpoint_id desc, namespace limit :limit`

const threads = {
  putThreadCheckpoint: `insert into thread_checkpoint(tenant_id, thread, namespace, checkpoint_id, parent_id, body, metadata,
      size_bytes)
    values(:tenantId, :thread, :namespace, :checkpointId, :parentId, :checkpoint, :metadata, :sizeBytes)
    on conflict(tenant_id, thread, namespace, checkpoint_id) do update set parent_id = excluded.parent_id,
      body = excluded.body, metadata = excluded.metadata, size_bytes = excluded.size_bytes`,
  findThreadCheckpoint: `select thread, namespace, checkpoint_id as checkpointId, parent_id as parentId, body as checkpoint,
      metadata
    from thread_checkpoint ${ofCheckpoint}`,
  listThreadCheckpoints: threadPage(''),
  listThreadCheckpointsOf: threadPage('and namespace = :namespace'),
  putCheckpointWrite: `insert into thread_write(tenant_id, thread, namespace, checkpoint_id, task_id, ordinal, channel,
      value)
    values(:tenantId, :thread, :namespace, :checkpointId, :taskId, :ordinal, :channel, :bytes)
    on conflict(tenant_id, thread, namespace, checkpoint_id, task_id, ordinal) do update set channel = excluded.channel,
      value = excluded.value`,
  listCheckpointWrites: `select task_id as taskId, ordinal, channel, value as bytes from thread_write ${ofCheckpoint}
    order by task_id, ordinal`,
  deleteThreadCheckpoints: 'delete from thread_checkpoint where tenant_id = :tenantId and thread = :thread',
  deleteThreadWrites: 'delete from thread_write where tenant_id = :tenantId and thread = :thread',
} satisfies Partial<Record<StatementName, string>>

export const coordinatorStatements = { ...jobs, ...apiKeys, ...documents, ...totals, ...threads }
