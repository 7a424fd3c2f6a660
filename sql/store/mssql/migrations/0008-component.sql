-- Where the server keeps the former states itself, it puts them into shard.component_history, for half a year.
--/ batch if temporal
IF OBJECT_ID(N'shard.component', N'U') IS NULL
CREATE TABLE shard.component(
  component_pk BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL,
  model_pk BIGINT NOT NULL,
  [key] NVARCHAR(400) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT component_kind
    CHECK (kind IN (N'embedding', N'attention', N'ffn', N'expert', N'router', N'norm', N'head', N'other')),
  layer BIGINT NULL CONSTRAINT component_layer CHECK (layer >= 0),
  expert BIGINT NULL CONSTRAINT component_expert CHECK (expert >= 0),
  size_bytes BIGINT NOT NULL CONSTRAINT component_size_bytes CHECK (size_bytes >= 0),
  parameter_count BIGINT NOT NULL CONSTRAINT component_parameter_count CHECK (parameter_count >= 0),
  meta NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT component_meta CHECK (ISJSON(meta) = 1),
  since_ms BIGINT NOT NULL,
  valid_from DATETIME2(3) GENERATED ALWAYS AS ROW START HIDDEN NOT NULL,
  valid_to DATETIME2(3) GENERATED ALWAYS AS ROW END HIDDEN NOT NULL,
  PERIOD FOR SYSTEM_TIME (valid_from, valid_to),
  CONSTRAINT component_pk PRIMARY KEY (tenant_id, component_pk),
  CONSTRAINT component_key UNIQUE (tenant_id, model_pk, [key]),
  CONSTRAINT component_model FOREIGN KEY (tenant_id, model_pk) REFERENCES shard.model(tenant_id, model_pk)
) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = shard.component_history, HISTORY_RETENTION_PERIOD = 6 MONTHS));
--/ batch unless temporal
IF OBJECT_ID(N'shard.component', N'U') IS NULL
CREATE TABLE shard.component(
  component_pk BIGINT IDENTITY(1, 1) NOT NULL,
  tenant_id BIGINT NOT NULL,
  model_pk BIGINT NOT NULL,
  [key] NVARCHAR(400) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT component_kind
    CHECK (kind IN (N'embedding', N'attention', N'ffn', N'expert', N'router', N'norm', N'head', N'other')),
  layer BIGINT NULL CONSTRAINT component_layer CHECK (layer >= 0),
  expert BIGINT NULL CONSTRAINT component_expert CHECK (expert >= 0),
  size_bytes BIGINT NOT NULL CONSTRAINT component_size_bytes CHECK (size_bytes >= 0),
  parameter_count BIGINT NOT NULL CONSTRAINT component_parameter_count CHECK (parameter_count >= 0),
  meta NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT component_meta CHECK (ISJSON(meta) = 1),
  since_ms BIGINT NOT NULL,
  CONSTRAINT component_pk PRIMARY KEY (tenant_id, component_pk),
  CONSTRAINT component_key UNIQUE (tenant_id, model_pk, [key]),
  CONSTRAINT component_model FOREIGN KEY (tenant_id, model_pk) REFERENCES shard.model(tenant_id, model_pk)
);
