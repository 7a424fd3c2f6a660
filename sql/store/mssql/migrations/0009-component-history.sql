-- What a component was before it was changed or removed. Bounded by the store: oldest out.
--/ batch unless temporal
IF OBJECT_ID(N'shard.component_history', N'U') IS NULL
CREATE TABLE shard.component_history(
  history_pk BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL,
  component_pk BIGINT NOT NULL,
  model_pk BIGINT NOT NULL,
  [key] NVARCHAR(400) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  layer BIGINT NULL,
  expert BIGINT NULL,
  size_bytes BIGINT NOT NULL,
  parameter_count BIGINT NOT NULL,
  meta NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  valid_from_ms BIGINT NOT NULL,
  valid_to_ms BIGINT NOT NULL,
  CONSTRAINT component_history_pk PRIMARY KEY (tenant_id, history_pk),
  INDEX component_history_key (tenant_id, model_pk, [key], valid_from_ms)
);
--/ batch unless temporal
IF OBJECT_ID(N'shard.component_kept', N'TR') IS NOT NULL DROP TRIGGER shard.component_kept;
--/ batch unless temporal
CREATE TRIGGER shard.component_kept ON shard.component AFTER UPDATE, DELETE AS
BEGIN
  SET NOCOUNT ON;
  DECLARE @now DATETIME2(3) = SYSUTCDATETIME();
  INSERT INTO shard.component_history(tenant_id, component_pk, model_pk, [key], kind, layer, expert, size_bytes,
    parameter_count, meta, valid_from_ms, valid_to_ms)
  SELECT tenant_id, component_pk, model_pk, [key], kind, layer, expert, size_bytes, parameter_count, meta, since_ms,
    CAST(DATEDIFF(SECOND, '2020-01-01', @now) AS BIGINT) * 1000 + 1577836800000 + DATEPART(MILLISECOND, @now)
  FROM deleted;
END;
