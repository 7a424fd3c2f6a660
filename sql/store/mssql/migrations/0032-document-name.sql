-- version: 1, 2, 3 and so on; the name points at the document of the last one.
--/ batch
IF OBJECT_ID(N'shard.document_name', N'U') IS NULL
CREATE TABLE shard.document_name(
  tenant_id BIGINT NOT NULL,
  name NVARCHAR(260) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  version BIGINT NOT NULL CONSTRAINT document_name_version CHECK (version > 0),
  hash VARBINARY(32) NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT document_name_pk PRIMARY KEY (tenant_id, name, version),
  CONSTRAINT document_name_document FOREIGN KEY (tenant_id, hash) REFERENCES shard.document(tenant_id, hash)
);
