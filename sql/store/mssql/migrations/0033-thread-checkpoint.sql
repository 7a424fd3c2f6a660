-- Where the threads of workflows stood.
--/ batch
IF OBJECT_ID(N'shard.thread_checkpoint', N'U') IS NULL
CREATE TABLE shard.thread_checkpoint(
  tenant_id BIGINT NOT NULL CONSTRAINT thread_checkpoint_tenant REFERENCES shard.tenant(tenant_id),
  thread NVARCHAR(130) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  namespace NVARCHAR(402) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  checkpoint_id NVARCHAR(66) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  parent_id NVARCHAR(66) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  body VARBINARY(MAX) NOT NULL,
  metadata VARBINARY(MAX) NOT NULL,
  size_bytes BIGINT NOT NULL,
  CONSTRAINT thread_checkpoint_pk PRIMARY KEY NONCLUSTERED (tenant_id, thread, namespace, checkpoint_id),
  INDEX thread_checkpoint_order (tenant_id, thread, checkpoint_id, namespace)
);
