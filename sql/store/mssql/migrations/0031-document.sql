-- Texts by their hashes.
--/ batch
IF OBJECT_ID(N'shard.document', N'U') IS NULL
CREATE TABLE shard.document(
  tenant_id BIGINT NOT NULL CONSTRAINT document_tenant REFERENCES shard.tenant(tenant_id),
  hash VARBINARY(32) NOT NULL CONSTRAINT document_hash CHECK (DATALENGTH(hash) = 32),
  [text] NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  created_at_ms BIGINT NOT NULL,
  CONSTRAINT document_pk PRIMARY KEY (tenant_id, hash)
);
