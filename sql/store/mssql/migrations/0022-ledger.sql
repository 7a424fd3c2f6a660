-- The ledger of a tenant: what was promised, done and settled. Rows are added behind the last one and never change or go;
-- a tenant with a ledger cannot be removed, because its rows point at it. previous: hash of the row before, 32 zeros in the
-- first one. TRUNCATE asks no trigger and wants ALTER on the table: that is the owner of the database, and the hash of the
-- last row, written down elsewhere, tells.
--/ batch
IF OBJECT_ID(N'shard.ledger', N'U') IS NULL
CREATE TABLE shard.ledger(
  tenant_id BIGINT NOT NULL CONSTRAINT ledger_tenant REFERENCES shard.tenant(tenant_id),
  seq BIGINT NOT NULL CONSTRAINT ledger_seq CHECK (seq > 0),
  kind NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  subject NVARCHAR(300) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT ledger_has_subject CHECK (subject <> N''),
  body VARBINARY(MAX) NOT NULL,
  fields NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NULL CONSTRAINT ledger_fields CHECK (fields IS NULL OR ISJSON(fields) = 1),
  at_ms BIGINT NOT NULL CONSTRAINT ledger_at_ms CHECK (at_ms >= 0),
  previous VARBINARY(32) NOT NULL CONSTRAINT ledger_previous CHECK (DATALENGTH(previous) = 32),
  hash VARBINARY(32) NOT NULL CONSTRAINT ledger_hash CHECK (DATALENGTH(hash) = 32),
  CONSTRAINT ledger_pk PRIMARY KEY (tenant_id, seq),
  INDEX ledger_kind (tenant_id, kind, seq),
  INDEX ledger_subject (tenant_id, kind, subject, seq)
);
--/ batch
IF OBJECT_ID(N'shard.ledger_kept', N'TR') IS NOT NULL DROP TRIGGER shard.ledger_kept;
--/ batch
CREATE TRIGGER shard.ledger_kept ON shard.ledger AFTER UPDATE, DELETE AS
BEGIN
  SET NOCOUNT ON;
  IF EXISTS (SELECT 1 FROM deleted) THROW 51223, N'the ledger is append-only', 1;
END;
--/ batch
IF OBJECT_ID(N'shard.ledger_appended', N'TR') IS NOT NULL DROP TRIGGER shard.ledger_appended;
--/ batch
CREATE TRIGGER shard.ledger_appended ON shard.ledger AFTER INSERT AS
BEGIN
  SET NOCOUNT ON;
  IF EXISTS (SELECT 1 FROM inserted i WHERE i.seq = 1 AND i.previous <> CAST(0x AS BINARY(32)))
    OR EXISTS (SELECT 1 FROM inserted i WHERE i.seq > 1 AND NOT EXISTS (SELECT 1 FROM shard.ledger p
      WHERE p.tenant_id = i.tenant_id AND p.seq = i.seq - 1 AND p.hash = i.previous))
    THROW 51223, N'an entry of the ledger follows from the last one', 1;
END;
