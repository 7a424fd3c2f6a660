-- ISJSON takes objects and arrays for JSON, and a setting may be a plain number: in brackets it is an array.
--/ batch
IF OBJECT_ID(N'shard.setting', N'U') IS NULL
CREATE TABLE shard.setting(
  tenant_id BIGINT NOT NULL CONSTRAINT setting_tenant REFERENCES shard.tenant(tenant_id),
  [key] NVARCHAR(800) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  value NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT setting_value CHECK (ISJSON(N'[' + value + N']') = 1),
  CONSTRAINT setting_pk PRIMARY KEY NONCLUSTERED (tenant_id, [key])
);
