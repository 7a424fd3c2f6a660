-- Which events name an address: the same addresses as in the event, to look it up by. They go with their event.
--/ batch
IF OBJECT_ID(N'shard.chain_event_address', N'U') IS NULL
CREATE TABLE shard.chain_event_address(
  tenant_id BIGINT NOT NULL,
  chain_pk BIGINT NOT NULL,
  address NVARCHAR(42) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  block_number BIGINT NOT NULL,
  log_index BIGINT NOT NULL,
  CONSTRAINT chain_event_address_pk PRIMARY KEY (tenant_id, chain_pk, address, block_number, log_index),
  CONSTRAINT chain_event_address_event FOREIGN KEY (tenant_id, chain_pk, block_number, log_index)
    REFERENCES shard.chain_event(tenant_id, chain_pk, block_number, log_index) ON DELETE CASCADE,
  INDEX chain_event_address_place (tenant_id, chain_pk, block_number, log_index)
);
