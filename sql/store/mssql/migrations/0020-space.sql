-- index_number: how often an index of it was written. On disk, with all rows before it, before that index counts.
--/ batch
IF OBJECT_ID(N'shard.space', N'U') IS NULL
CREATE TABLE shard.space(
  space_pk BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL CONSTRAINT space_tenant REFERENCES shard.tenant(tenant_id),
  name NVARCHAR(400) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  dimension BIGINT NOT NULL CONSTRAINT space_dimension CHECK (dimension > 0),
  row_count BIGINT NOT NULL CONSTRAINT space_empty DEFAULT 0 CONSTRAINT space_row_count CHECK (row_count >= 0),
  index_number BIGINT NOT NULL CONSTRAINT space_no_index DEFAULT 0 CONSTRAINT space_index_number CHECK (index_number >= 0),
  CONSTRAINT space_pk PRIMARY KEY (tenant_id, space_pk),
  CONSTRAINT space_name UNIQUE (tenant_id, name)
);
