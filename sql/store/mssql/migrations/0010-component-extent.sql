-- Names extents by number without a foreign key: both sides are written and removed together, after they were checked.
--/ batch
IF OBJECT_ID(N'shard.component_extent', N'U') IS NULL
CREATE TABLE shard.component_extent(
  tenant_id BIGINT NOT NULL,
  component_pk BIGINT NOT NULL,
  ordinal BIGINT NOT NULL CONSTRAINT component_extent_ordinal CHECK (ordinal >= 0),
  file_index BIGINT NOT NULL,
  extent_index BIGINT NOT NULL,
  CONSTRAINT component_extent_pk PRIMARY KEY (tenant_id, component_pk, ordinal),
  CONSTRAINT component_extent_component FOREIGN KEY (tenant_id, component_pk)
    REFERENCES shard.component(tenant_id, component_pk)
);
