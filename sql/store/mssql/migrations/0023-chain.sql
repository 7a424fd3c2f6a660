-- Events of contracts, by chain; block_number and block_hash: how far they have been read, null where nothing has.
--/ batch
IF OBJECT_ID(N'shard.chain', N'U') IS NULL
CREATE TABLE shard.chain(
  chain_pk BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL CONSTRAINT chain_tenant REFERENCES shard.tenant(tenant_id),
  name NVARCHAR(130) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  block_number BIGINT NULL CONSTRAINT chain_block_number CHECK (block_number >= 0),
  block_hash NVARCHAR(66) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  CONSTRAINT chain_pk PRIMARY KEY (tenant_id, chain_pk),
  CONSTRAINT chain_name UNIQUE (tenant_id, name),
  CONSTRAINT chain_place CHECK ((block_number IS NULL AND block_hash IS NULL) OR (block_number IS NOT NULL AND block_hash IS NOT NULL))
);
