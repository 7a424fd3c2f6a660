-- lease_until_ms: until then the event belongs to whoever claimed it.
--/ batch
IF OBJECT_ID(N'shard.outbox', N'U') IS NULL
CREATE TABLE shard.outbox(
  seq BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL CONSTRAINT outbox_tenant REFERENCES shard.tenant(tenant_id),
  topic NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  body NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT outbox_body CHECK (ISJSON(body) = 1),
  at_ms BIGINT NOT NULL,
  lease_until_ms BIGINT NOT NULL CONSTRAINT outbox_not_leased DEFAULT 0,
  CONSTRAINT outbox_pk PRIMARY KEY (tenant_id, seq)
);
