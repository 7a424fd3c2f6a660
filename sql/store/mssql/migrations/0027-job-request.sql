-- Never changes: apart from its job, whose row is written anew with each change. It goes with its job.
--/ batch
IF OBJECT_ID(N'shard.job_request', N'U') IS NULL
CREATE TABLE shard.job_request(
  tenant_id BIGINT NOT NULL,
  job_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  request NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT job_request_json CHECK (ISJSON(request) = 1),
  CONSTRAINT job_request_pk PRIMARY KEY (tenant_id, job_id),
  CONSTRAINT job_request_job FOREIGN KEY (tenant_id, job_id) REFERENCES shard.job(tenant_id, job_id) ON DELETE CASCADE
);
