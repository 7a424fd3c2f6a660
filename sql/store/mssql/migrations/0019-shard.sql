-- rev counts the vectors ever written here, by all tenants. uid tells this database from others that stood at its place.
--/ batch
IF OBJECT_ID(N'shard.shard', N'U') IS NULL
CREATE TABLE shard.shard(
  shard_pk BIGINT NOT NULL CONSTRAINT shard_pk PRIMARY KEY CONSTRAINT shard_one CHECK (shard_pk = 1),
  uid NVARCHAR(32) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT shard_rev CHECK (rev >= 0)
);
--/ batch
IF NOT EXISTS (SELECT 1 FROM shard.shard)
INSERT INTO shard.shard(shard_pk, uid, rev) VALUES (1, LOWER(REPLACE(CAST(NEWID() AS NVARCHAR(36)), N'-', N'')), 0);
