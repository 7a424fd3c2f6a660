-- A plain table: a graph table cannot be temporal, and its ends cannot be changed.
--/ batch
IF OBJECT_ID(N'shard.edge', N'U') IS NULL
CREATE TABLE shard.edge(
  tenant_id BIGINT NOT NULL,
  src BIGINT NOT NULL,
  kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT edge_kind CHECK (kind IN (N'next', N'contains', N'uses')),
  dst BIGINT NOT NULL,
  CONSTRAINT edge_pk PRIMARY KEY (tenant_id, src, kind, dst),
  CONSTRAINT edge_src FOREIGN KEY (tenant_id, src) REFERENCES shard.component(tenant_id, component_pk),
  CONSTRAINT edge_dst FOREIGN KEY (tenant_id, dst) REFERENCES shard.component(tenant_id, component_pk),
  INDEX edge_rev (tenant_id, dst, kind, src)
);
