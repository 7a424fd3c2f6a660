--/ batch
IF OBJECT_ID(N'shard.ingest_leaf', N'U') IS NULL
CREATE TABLE shard.ingest_leaf(
  tenant_id BIGINT NOT NULL,
  path NVARCHAR(4000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  path_sha256 AS CAST(HASHBYTES('SHA2_256', path) AS BINARY(32)) PERSISTED NOT NULL,
  block BIGINT NOT NULL CONSTRAINT ingest_leaf_block CHECK (block >= 0),
  leaves VARBINARY(MAX) NOT NULL CONSTRAINT ingest_leaf_leaves CHECK (DATALENGTH(leaves) % 32 = 0),
  CONSTRAINT ingest_leaf_pk PRIMARY KEY (tenant_id, path_sha256, block),
  CONSTRAINT ingest_leaf_checkpoint FOREIGN KEY (tenant_id, path_sha256)
    REFERENCES shard.ingest_checkpoint(tenant_id, path_sha256)
);
