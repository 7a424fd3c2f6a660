-- Which tenant a user of hart sql sees. The user is made, and written here, by whoever owns the database.
--/ batch
IF OBJECT_ID(N'shard.console_reader', N'U') IS NULL
CREATE TABLE shard.console_reader(
  principal NVARCHAR(128) NOT NULL CONSTRAINT console_reader_pk PRIMARY KEY,
  tenant_id BIGINT NOT NULL CONSTRAINT console_reader_tenant REFERENCES shard.tenant(tenant_id)
);
