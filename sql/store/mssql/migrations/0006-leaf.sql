-- Chunk hashes in chunk-index order: 32 bytes each, 16,384 in a block, fewer in the last one.
--/ batch
IF OBJECT_ID(N'shard.leaf', N'U') IS NULL
CREATE TABLE shard.leaf(
  tenant_id BIGINT NOT NULL,
  model_pk BIGINT NOT NULL,
  block BIGINT NOT NULL CONSTRAINT leaf_block CHECK (block >= 0),
  leaves VARBINARY(MAX) NOT NULL CONSTRAINT leaf_leaves CHECK (DATALENGTH(leaves) % 32 = 0),
  CONSTRAINT leaf_pk PRIMARY KEY (tenant_id, model_pk, block),
  CONSTRAINT leaf_model FOREIGN KEY (tenant_id, model_pk) REFERENCES shard.model(tenant_id, model_pk)
);
