-- Paths are longer than a key of an index may be: their hash is the key.
--/ batch
IF OBJECT_ID(N'shard.ingest_checkpoint', N'U') IS NULL
CREATE TABLE shard.ingest_checkpoint(
  tenant_id BIGINT NOT NULL CONSTRAINT ingest_checkpoint_tenant REFERENCES shard.tenant(tenant_id),
  path NVARCHAR(4000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  path_sha256 AS CAST(HASHBYTES('SHA2_256', path) AS BINARY(32)) PERSISTED NOT NULL,
  [identity] NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  leaf_count BIGINT NOT NULL CONSTRAINT ingest_checkpoint_leaf_count CHECK (leaf_count >= 0),
  updated_at_ms BIGINT NOT NULL,
  CONSTRAINT ingest_checkpoint_pk PRIMARY KEY (tenant_id, path_sha256)
);
