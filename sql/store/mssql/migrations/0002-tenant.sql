-- Names are longer than a key of an index may be: their hash is the key.
--/ batch
IF OBJECT_ID(N'shard.tenant', N'U') IS NULL
CREATE TABLE shard.tenant(
  tenant_id BIGINT IDENTITY(1, 1) NOT NULL CONSTRAINT tenant_pk PRIMARY KEY,
  name NVARCHAR(1100) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  name_sha256 AS CAST(HASHBYTES('SHA2_256', name) AS BINARY(32)) PERSISTED NOT NULL,
  CONSTRAINT tenant_name UNIQUE (name_sha256)
);
