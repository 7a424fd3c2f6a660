-- body: the release as JSON; bytes and signature: what its publisher signed.
--/ batch
IF OBJECT_ID(N'shard.release', N'U') IS NULL
CREATE TABLE shard.release(
  release_pk BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL CONSTRAINT release_tenant REFERENCES shard.tenant(tenant_id),
  model_id NVARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  publisher NVARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  name NVARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  created_at_ms BIGINT NOT NULL,
  is_own BIGINT NOT NULL CONSTRAINT release_is_own CHECK (is_own IN (0, 1)),
  body NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT release_body CHECK (ISJSON(body) = 1),
  licence AS CAST(JSON_VALUE(body, '$.licence') AS NVARCHAR(400)) PERSISTED,
  bytes VARBINARY(MAX) NOT NULL,
  signature VARBINARY(MAX) NOT NULL,
  received_from NVARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  received_at_ms BIGINT NOT NULL,
  CONSTRAINT release_pk PRIMARY KEY (tenant_id, release_pk),
  CONSTRAINT release_statement UNIQUE (tenant_id, publisher, model_id, name),
  INDEX release_model (tenant_id, model_id, release_pk),
  INDEX release_name (tenant_id, name, release_pk),
  INDEX release_source (tenant_id, received_from, release_pk)
);
--/ batch
IF INDEXPROPERTY(OBJECT_ID(N'shard.release'), N'release_licence', 'IndexID') IS NULL
CREATE INDEX release_licence ON shard.release(tenant_id, licence, release_pk);
