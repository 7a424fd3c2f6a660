-- What steps wrote since a checkpoint. May come before it: a step is saved while the next one runs.
--/ batch
IF OBJECT_ID(N'shard.thread_write', N'U') IS NULL
CREATE TABLE shard.thread_write(
  tenant_id BIGINT NOT NULL CONSTRAINT thread_write_tenant REFERENCES shard.tenant(tenant_id),
  thread NVARCHAR(130) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  namespace NVARCHAR(402) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  checkpoint_id NVARCHAR(66) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  task_id NVARCHAR(66) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  ordinal BIGINT NOT NULL,
  channel NVARCHAR(402) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  value VARBINARY(MAX) NOT NULL,
  CONSTRAINT thread_write_pk PRIMARY KEY NONCLUSTERED (tenant_id, thread, namespace, checkpoint_id, task_id, ordinal)
);
