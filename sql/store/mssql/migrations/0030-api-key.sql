-- Keys of programs, by their hashes. Holders are longer than a key of an index may be: their hash is the key.
--/ batch
IF OBJECT_ID(N'shard.api_key', N'U') IS NULL
CREATE TABLE shard.api_key(
  tenant_id BIGINT NOT NULL CONSTRAINT api_key_tenant REFERENCES shard.tenant(tenant_id),
  key_id NVARCHAR(70) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  hash VARBINARY(32) NOT NULL CONSTRAINT api_key_hash CHECK (DATALENGTH(hash) = 32),
  holder NVARCHAR(1100) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  holder_sha256 AS CAST(HASHBYTES('SHA2_256', holder) AS BINARY(32)) PERSISTED NOT NULL,
  label NVARCHAR(300) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  scopes NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT api_key_scopes CHECK (ISJSON(scopes) = 1),
  created_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NULL,
  revoked_at_ms BIGINT NULL,
  last_used_at_ms BIGINT NULL,
  CONSTRAINT api_key_pk PRIMARY KEY (tenant_id, key_id),
  INDEX api_key_holder (tenant_id, holder_sha256, created_at_ms, key_id)
);
