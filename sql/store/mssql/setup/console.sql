-- The documented views, for users of hart sql: members of the role hart_console see them and nothing else, and of them the
-- rows of the tenant that shard.console_reader names for the user. The owner of the tables owns the views, so that reading a
-- view needs no right on a table. Peers are known to the running node: it says them to its session, in parts.
--/ batch
IF SCHEMA_ID(N'shard_view') IS NULL EXEC (N'CREATE SCHEMA shard_view AUTHORIZATION dbo');
--/ batch
IF OBJECT_ID(N'shard_view.model', N'V') IS NOT NULL DROP VIEW shard_view.model;
--/ batch
CREATE VIEW shard_view.model AS
SELECT m.model_id, m.architecture, m.format, m.parameter_count, m.size_bytes, m.chunk_count, m.origin, m.is_pinned,
  m.created_at_ms, m.last_used_at_ms, m.meta
FROM shard.model m WHERE m.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.holding', N'V') IS NOT NULL DROP VIEW shard_view.holding;
--/ batch
CREATE VIEW shard_view.holding AS
SELECT m.model_id, h.held_chunks, m.chunk_count, h.held_bytes, m.size_bytes,
  CASE WHEN h.held_chunks = m.chunk_count THEN 1 ELSE 0 END AS is_complete
FROM shard.holding h JOIN shard.model m ON m.tenant_id = h.tenant_id AND m.model_pk = h.model_pk
WHERE h.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.release', N'V') IS NOT NULL DROP VIEW shard_view.release;
--/ batch
CREATE VIEW shard_view.release AS
SELECT r.model_id, r.publisher, r.name, r.licence, r.created_at_ms, r.received_from, r.received_at_ms, r.is_own, r.body
FROM shard.release r WHERE r.tenant_id = (SELECT p.tenant_id FROM shard.console_reader p WHERE p.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.component', N'V') IS NOT NULL DROP VIEW shard_view.component;
--/ batch
CREATE VIEW shard_view.component AS
SELECT m.model_id, c.[key], c.kind, c.layer, c.expert, c.size_bytes, c.parameter_count, c.meta
FROM shard.component c JOIN shard.model m ON m.tenant_id = c.tenant_id AND m.model_pk = c.model_pk
WHERE c.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.extent', N'V') IS NOT NULL DROP VIEW shard_view.extent;
--/ batch
CREATE VIEW shard_view.extent AS
SELECT m.model_id, e.file_index, e.extent_index, e.kind, e.name, e.dtype, e.shape, e.offset_bytes, e.size_bytes,
  e.first_chunk, LOWER(CONVERT(VARCHAR(64), e.root, 2)) AS root
FROM shard.extent e JOIN shard.model m ON m.tenant_id = e.tenant_id AND m.model_pk = e.model_pk
WHERE e.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.component_extent', N'V') IS NOT NULL DROP VIEW shard_view.component_extent;
--/ batch
CREATE VIEW shard_view.component_extent AS
SELECT m.model_id, c.[key] AS component_key, x.ordinal, x.file_index, x.extent_index
FROM shard.component_extent x JOIN shard.component c ON c.tenant_id = x.tenant_id AND c.component_pk = x.component_pk
JOIN shard.model m ON m.tenant_id = c.tenant_id AND m.model_pk = c.model_pk
WHERE x.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.edge', N'V') IS NOT NULL DROP VIEW shard_view.edge;
--/ batch
CREATE VIEW shard_view.edge AS
SELECT m.model_id, s.[key] AS source, t.[key] AS target, e.kind
FROM shard.edge e JOIN shard.component s ON s.tenant_id = e.tenant_id AND s.component_pk = e.src
JOIN shard.component t ON t.tenant_id = e.tenant_id AND t.component_pk = e.dst
JOIN shard.model m ON m.tenant_id = s.tenant_id AND m.model_pk = s.model_pk
WHERE e.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.peer', N'V') IS NOT NULL DROP VIEW shard_view.peer;
--/ batch
CREATE VIEW shard_view.peer AS
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_0') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON)
UNION ALL
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_1') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON)
UNION ALL
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_2') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON)
UNION ALL
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_3') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON)
UNION ALL
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_4') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON)
UNION ALL
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_5') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON)
UNION ALL
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_6') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON)
UNION ALL
SELECT peer_id, direction, connected_for_ms, rtt_ms, region, version, [load], models
FROM OPENJSON(CAST(SESSION_CONTEXT(N'peers_7') AS NVARCHAR(4000))) WITH (peer_id NVARCHAR(128) '$.peerId',
  direction NVARCHAR(16) '$.direction', connected_for_ms BIGINT '$.connectedForMs', rtt_ms BIGINT '$.rttMs',
  region NVARCHAR(16) '$.region', version NVARCHAR(128) '$.version', [load] FLOAT '$.load', models NVARCHAR(MAX) '$.models' AS JSON);
--/ batch
IF OBJECT_ID(N'shard_view.receipt', N'V') IS NOT NULL DROP VIEW shard_view.receipt;
--/ batch
CREATE VIEW shard_view.receipt AS
SELECT l.seq, JSON_VALUE(l.fields, '$.job') AS job, TRY_CAST(JSON_VALUE(l.fields, '$.attempt') AS BIGINT) AS attempt,
  JSON_VALUE(l.fields, '$.kind') AS kind, JSON_VALUE(l.fields, '$.model_id') AS model_id,
  CASE WHEN l.kind = N'receipt-signed' THEN N'signed' ELSE N'received' END AS role,
  JSON_VALUE(l.fields, '$.requester') AS requester, JSON_VALUE(l.fields, '$.node') AS node,
  TRY_CAST(JSON_VALUE(l.fields, '$.bytes') AS BIGINT) AS bytes,
  TRY_CAST(JSON_VALUE(l.fields, '$.prompt_tokens') AS BIGINT) AS prompt_tokens,
  TRY_CAST(JSON_VALUE(l.fields, '$.completion_tokens') AS BIGINT) AS completion_tokens,
  JSON_VALUE(l.fields, '$.due_wei') AS due_wei, TRY_CAST(JSON_VALUE(l.fields, '$.finished_at') AS BIGINT) AS finished_at,
  l.at_ms
FROM shard.ledger l WHERE l.kind IN (N'receipt-signed', N'receipt-received')
  AND l.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.job', N'V') IS NOT NULL DROP VIEW shard_view.job;
--/ batch
CREATE VIEW shard_view.job AS
SELECT r.job, MAX(r.kind) AS kind, MAX(r.model_id) AS model_id, COUNT(*) AS receipts, COUNT(DISTINCT r.node) AS nodes,
  SUM(r.bytes) AS bytes, SUM(r.prompt_tokens) AS prompt_tokens, SUM(r.completion_tokens) AS completion_tokens,
  SUM(TRY_CAST(r.due_wei AS FLOAT)) / 1e18 AS due_hart, MAX(r.finished_at) AS finished_at
FROM shard_view.receipt r WHERE r.job IS NOT NULL GROUP BY r.job;
--/ batch
IF OBJECT_ID(N'shard_view.coordinator_job', N'V') IS NOT NULL DROP VIEW shard_view.coordinator_job;
--/ batch
CREATE VIEW shard_view.coordinator_job AS
SELECT j.job_id, j.kind, j.state, j.reason, j.parent_job_id, j.idempotency_key, j.owner, j.is_cancel_requested,
  j.created_at_ms, j.updated_at_ms, j.finished_at_ms, j.event_count, j.charged_wei, j.detail, j.error
FROM shard.job j WHERE j.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF OBJECT_ID(N'shard_view.job_attempt', N'V') IS NOT NULL DROP VIEW shard_view.job_attempt;
--/ batch
CREATE VIEW shard_view.job_attempt AS
SELECT a.job_id, a.attempt, a.peer_id, a.is_hedge, a.started_at_ms, a.ended_at_ms, a.outcome, a.paid_wei,
  NULLIF(LOWER(CONVERT(VARCHAR(64), a.receipt_hash, 2)), '') AS receipt_hash, a.detail
FROM shard.job_attempt a WHERE a.tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
IF DATABASE_PRINCIPAL_ID(N'hart_console') IS NULL CREATE ROLE hart_console;
--/ batch
GRANT SELECT ON SCHEMA::shard_view TO hart_console;
