-- revision: grows with each change. owner_until_ms: 0 where nobody owns the job. size_bytes: of request, detail, result and
-- error, so that a page of jobs can end in time. event_count: the number of its last event. charged_wei: decimal digits.
--/ batch
IF OBJECT_ID(N'shard.job', N'U') IS NULL
CREATE TABLE shard.job(
  tenant_id BIGINT NOT NULL CONSTRAINT job_tenant REFERENCES shard.tenant(tenant_id),
  job_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  kind NVARCHAR(32) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  idempotency_key NVARCHAR(260) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  request_hash VARBINARY(32) NOT NULL CONSTRAINT job_request_hash CHECK (DATALENGTH(request_hash) = 32),
  parent_job_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  created_at_ms BIGINT NOT NULL CONSTRAINT job_created_at_ms CHECK (created_at_ms >= 0),
  state NVARCHAR(32) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  reason NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  revision BIGINT NOT NULL CONSTRAINT job_revision CHECK (revision > 0),
  owner NVARCHAR(130) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  owner_until_ms BIGINT NOT NULL,
  is_cancel_requested BIGINT NOT NULL CONSTRAINT job_is_cancel_requested CHECK (is_cancel_requested IN (0, 1)),
  updated_at_ms BIGINT NOT NULL CONSTRAINT job_updated_at_ms CHECK (updated_at_ms >= 0),
  finished_at_ms BIGINT NULL CONSTRAINT job_finished_at_ms CHECK (finished_at_ms >= 0),
  detail NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT job_detail CHECK (ISJSON(detail) = 1),
  result NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NULL CONSTRAINT job_result CHECK (result IS NULL OR ISJSON(result) = 1),
  error NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NULL CONSTRAINT job_error CHECK (error IS NULL OR ISJSON(error) = 1),
  charged_wei NVARCHAR(40) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  size_bytes BIGINT NOT NULL CONSTRAINT job_size_bytes CHECK (size_bytes >= 0),
  event_count BIGINT NOT NULL CONSTRAINT job_event_count CHECK (event_count >= 0),
  CONSTRAINT job_pk PRIMARY KEY (tenant_id, job_id),
  CONSTRAINT job_owned CHECK ((owner IS NULL AND owner_until_ms = 0) OR (owner IS NOT NULL AND owner_until_ms > 0)),
  CONSTRAINT job_ended CHECK ((finished_at_ms IS NULL AND state NOT IN (N'succeeded', N'failed', N'cancelled'))
    OR (finished_at_ms IS NOT NULL AND owner IS NULL AND state IN (N'succeeded', N'failed', N'cancelled'))),
  INDEX job_state (tenant_id, state, job_id),
  INDEX job_kind (tenant_id, kind, state, job_id),
  INDEX job_parent (tenant_id, parent_job_id, job_id),
  INDEX job_unfinished (tenant_id, state, owner_until_ms, job_id),
  INDEX job_finished (tenant_id, finished_at_ms, job_id)
);
--/ batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'shard.job') AND name = N'job_idempotency')
CREATE UNIQUE INDEX job_idempotency ON shard.job(tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
--/ batch
IF OBJECT_ID(N'shard.job_final_kept', N'TR') IS NOT NULL DROP TRIGGER shard.job_final_kept;
--/ batch
CREATE TRIGGER shard.job_final_kept ON shard.job AFTER UPDATE AS
BEGIN
  SET NOCOUNT ON;
  IF EXISTS (SELECT 1 FROM deleted WHERE finished_at_ms IS NOT NULL) THROW 51223, N'a final job does not change', 1;
END;
