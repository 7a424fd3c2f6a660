-- A schema of our own: the database may have other tables.
--/ batch
IF SCHEMA_ID(N'shard') IS NULL EXEC (N'CREATE SCHEMA shard AUTHORIZATION dbo');
--/ batch
IF OBJECT_ID(N'shard.schema_migration', N'U') IS NULL
CREATE TABLE shard.schema_migration(
  id BIGINT NOT NULL CONSTRAINT schema_migration_pk PRIMARY KEY,
  name NVARCHAR(200) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  sha256 NVARCHAR(64) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  applied_at BIGINT NOT NULL,
  engine_version NVARCHAR(128) NOT NULL
);
