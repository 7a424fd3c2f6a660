-- Tries on nodes: of one job at most one has won. They go with their job.
--/ batch
IF OBJECT_ID(N'shard.job_attempt', N'U') IS NULL
CREATE TABLE shard.job_attempt(
  tenant_id BIGINT NOT NULL,
  job_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  attempt BIGINT NOT NULL CONSTRAINT job_attempt_number CHECK (attempt >= 0),
  peer_id NVARCHAR(130) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  is_hedge BIGINT NOT NULL CONSTRAINT job_attempt_is_hedge CHECK (is_hedge IN (0, 1)),
  started_at_ms BIGINT NOT NULL,
  ended_at_ms BIGINT NULL,
  outcome NVARCHAR(32) COLLATE Latin1_General_100_BIN2_UTF8 NULL CONSTRAINT job_attempt_outcome CHECK (outcome IN (N'won', N'lost', N'failed', N'cancelled')),
  detail NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT job_attempt_detail CHECK (ISJSON(detail) = 1),
  paid_wei NVARCHAR(40) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  receipt_hash VARBINARY(32) NULL CONSTRAINT job_attempt_receipt_hash CHECK (DATALENGTH(receipt_hash) = 32),
  CONSTRAINT job_attempt_pk PRIMARY KEY (tenant_id, job_id, attempt),
  CONSTRAINT job_attempt_job FOREIGN KEY (tenant_id, job_id) REFERENCES shard.job(tenant_id, job_id) ON DELETE CASCADE
);
--/ batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'shard.job_attempt') AND name = N'job_attempt_won')
CREATE UNIQUE INDEX job_attempt_won ON shard.job_attempt(tenant_id, job_id) WHERE outcome = N'won';
