-- first_chunk: chunk index, within the model, of the extent's first chunk (of the next one, where the extent is empty).
--/ batch
IF OBJECT_ID(N'shard.extent', N'U') IS NULL
CREATE TABLE shard.extent(
  tenant_id BIGINT NOT NULL,
  model_pk BIGINT NOT NULL,
  file_index BIGINT NOT NULL,
  extent_index BIGINT NOT NULL CONSTRAINT extent_index CHECK (extent_index >= 0),
  first_chunk BIGINT NOT NULL CONSTRAINT extent_first_chunk CHECK (first_chunk >= 0),
  kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT extent_kind CHECK (kind IN (N'header', N'tensor', N'gap')),
  name NVARCHAR(400) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  dtype NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
  shape NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NULL CONSTRAINT extent_shape CHECK (shape IS NULL OR ISJSON(shape) = 1),
  offset_bytes BIGINT NOT NULL CONSTRAINT extent_offset_bytes CHECK (offset_bytes >= 0),
  size_bytes BIGINT NOT NULL CONSTRAINT extent_size_bytes CHECK (size_bytes >= 0),
  root VARBINARY(32) NOT NULL CONSTRAINT extent_root_size CHECK (DATALENGTH(root) = 32),
  CONSTRAINT extent_pk PRIMARY KEY (tenant_id, model_pk, file_index, extent_index),
  CONSTRAINT extent_file FOREIGN KEY (tenant_id, model_pk, file_index)
    REFERENCES shard.model_file(tenant_id, model_pk, file_index),
  INDEX extent_chunk (tenant_id, model_pk, first_chunk),
  INDEX extent_root (tenant_id, root)
);
