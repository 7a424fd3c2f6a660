-- path, origin and identity are null while the place of a file is not known yet.
--/ batch
IF OBJECT_ID(N'shard.model_file', N'U') IS NULL
CREATE TABLE shard.model_file(
  tenant_id BIGINT NOT NULL,
  model_pk BIGINT NOT NULL,
  file_index BIGINT NOT NULL CONSTRAINT model_file_index CHECK (file_index >= 0),
  size_bytes BIGINT NOT NULL CONSTRAINT model_file_size_bytes CHECK (size_bytes >= 0),
  path NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  origin NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NULL CONSTRAINT model_file_origin CHECK (origin IN (N'user', N'own')),
  [identity] NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  CONSTRAINT model_file_pk PRIMARY KEY (tenant_id, model_pk, file_index),
  CONSTRAINT model_file_model FOREIGN KEY (tenant_id, model_pk) REFERENCES shard.model(tenant_id, model_pk),
  CONSTRAINT model_file_place CHECK ((path IS NULL AND origin IS NULL) OR (path IS NOT NULL AND origin IS NOT NULL))
);
