-- The tenant leads every key, and composite foreign keys keep rows of one tenant from pointing at another's.
-- index_sha256: SHA-256 of the components and edges; equal means that a second put has nothing to replace.
--/ batch
IF OBJECT_ID(N'shard.model', N'U') IS NULL
CREATE TABLE shard.model(
  model_pk BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL CONSTRAINT model_tenant REFERENCES shard.tenant(tenant_id),
  model_id NVARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  architecture NVARCHAR(400) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  format NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  parameter_count BIGINT NOT NULL CONSTRAINT model_parameter_count CHECK (parameter_count >= 0),
  size_bytes BIGINT NOT NULL CONSTRAINT model_size_bytes CHECK (size_bytes >= 0),
  chunk_count BIGINT NOT NULL CONSTRAINT model_chunk_count CHECK (chunk_count >= 0),
  origin NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT model_origin CHECK (origin IN (N'ingest', N'fetch')),
  created_at_ms BIGINT NOT NULL,
  last_used_at_ms BIGINT NOT NULL,
  is_pinned BIGINT NOT NULL CONSTRAINT model_not_pinned DEFAULT 0 CONSTRAINT model_is_pinned CHECK (is_pinned IN (0, 1)),
  meta NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT model_meta CHECK (ISJSON(meta) = 1),
  index_sha256 VARBINARY(32) NOT NULL CONSTRAINT model_index_sha256 CHECK (DATALENGTH(index_sha256) = 32),
  CONSTRAINT model_pk PRIMARY KEY (tenant_id, model_pk),
  CONSTRAINT model_id UNIQUE (tenant_id, model_id)
);
