--/ batch
IF OBJECT_ID(N'shard.chain_event', N'U') IS NULL
CREATE TABLE shard.chain_event(
  tenant_id BIGINT NOT NULL,
  chain_pk BIGINT NOT NULL,
  block_number BIGINT NOT NULL CONSTRAINT chain_event_block_number CHECK (block_number >= 0),
  log_index BIGINT NOT NULL CONSTRAINT chain_event_log_index CHECK (log_index >= 0),
  block_hash NVARCHAR(66) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  transaction_hash NVARCHAR(66) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  contract NVARCHAR(42) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  name NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  args NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT chain_event_args CHECK (ISJSON(args) = 1),
  addresses NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT chain_event_addresses CHECK (ISJSON(addresses) = 1),
  CONSTRAINT chain_event_pk PRIMARY KEY (tenant_id, chain_pk, block_number, log_index),
  CONSTRAINT chain_event_chain FOREIGN KEY (tenant_id, chain_pk) REFERENCES shard.chain(tenant_id, chain_pk),
  INDEX chain_event_name (tenant_id, chain_pk, name, block_number, log_index)
);
