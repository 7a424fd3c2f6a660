-- What happened to a job, in order; it goes with its job.
--/ batch
IF OBJECT_ID(N'shard.job_event', N'U') IS NULL
CREATE TABLE shard.job_event(
  tenant_id BIGINT NOT NULL,
  job_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  seq BIGINT NOT NULL CONSTRAINT job_event_seq CHECK (seq > 0),
  at_ms BIGINT NOT NULL,
  body NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT job_event_body CHECK (ISJSON(body) = 1),
  CONSTRAINT job_event_pk PRIMARY KEY (tenant_id, job_id, seq),
  CONSTRAINT job_event_job FOREIGN KEY (tenant_id, job_id) REFERENCES shard.job(tenant_id, job_id) ON DELETE CASCADE
);
