-- A vector never changes: another one for the same component is a new row with a new rev. vector: f32, little endian, of length 1.
--/ batch
IF OBJECT_ID(N'shard.embedding', N'U') IS NULL
CREATE TABLE shard.embedding(
  rev BIGINT NOT NULL CONSTRAINT embedding_pk PRIMARY KEY,
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  component_pk BIGINT NOT NULL,
  vector VARBINARY(MAX) NOT NULL CONSTRAINT embedding_vector CHECK (DATALENGTH(vector) > 0 AND DATALENGTH(vector) % 4 = 0),
  CONSTRAINT embedding_of_component UNIQUE (tenant_id, space_pk, component_pk),
  CONSTRAINT embedding_space FOREIGN KEY (tenant_id, space_pk) REFERENCES shard.space(tenant_id, space_pk),
  CONSTRAINT embedding_component_row FOREIGN KEY (tenant_id, component_pk)
    REFERENCES shard.component(tenant_id, component_pk),
  INDEX embedding_order (tenant_id, space_pk, rev),
  INDEX embedding_component (tenant_id, component_pk)
);
--/ batch
IF OBJECT_ID(N'shard.embedding_counted', N'TR') IS NOT NULL DROP TRIGGER shard.embedding_counted;
--/ batch
CREATE TRIGGER shard.embedding_counted ON shard.embedding AFTER INSERT, DELETE AS
BEGIN
  SET NOCOUNT ON;
  UPDATE s SET row_count = s.row_count
    + (SELECT COUNT(*) FROM inserted i WHERE i.tenant_id = s.tenant_id AND i.space_pk = s.space_pk)
    - (SELECT COUNT(*) FROM deleted d WHERE d.tenant_id = s.tenant_id AND d.space_pk = s.space_pk)
  FROM shard.space s
  WHERE EXISTS (SELECT 1 FROM inserted i WHERE i.tenant_id = s.tenant_id AND i.space_pk = s.space_pk)
    OR EXISTS (SELECT 1 FROM deleted d WHERE d.tenant_id = s.tenant_id AND d.space_pk = s.space_pk);
END;
