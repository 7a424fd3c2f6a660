-- bits: one per chunk, most significant bit first. The counters follow from it and are written with it.
--/ batch
IF OBJECT_ID(N'shard.holding', N'U') IS NULL
CREATE TABLE shard.holding(
  tenant_id BIGINT NOT NULL,
  model_pk BIGINT NOT NULL,
  bits VARBINARY(MAX) NOT NULL,
  held_chunks BIGINT NOT NULL CONSTRAINT holding_held_chunks CHECK (held_chunks >= 0),
  held_bytes BIGINT NOT NULL CONSTRAINT holding_held_bytes CHECK (held_bytes >= 0),
  CONSTRAINT holding_pk PRIMARY KEY (tenant_id, model_pk),
  CONSTRAINT holding_model FOREIGN KEY (tenant_id, model_pk) REFERENCES shard.model(tenant_id, model_pk)
);
