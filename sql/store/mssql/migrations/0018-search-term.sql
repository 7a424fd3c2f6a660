-- Search terms: what a model may be found by, from its content (source 0) and from each of its releases (their key).
--/ batch
IF OBJECT_ID(N'shard.search_term', N'U') IS NULL
CREATE TABLE shard.search_term(
  tenant_id BIGINT NOT NULL CONSTRAINT search_term_tenant REFERENCES shard.tenant(tenant_id),
  term NVARCHAR(600) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  model_id NVARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  source BIGINT NOT NULL CONSTRAINT search_term_source_number CHECK (source >= 0),
  CONSTRAINT search_term_pk PRIMARY KEY NONCLUSTERED (tenant_id, term, model_id, source),
  INDEX search_term_source (tenant_id, model_id, source)
);
--/ batch
IF OBJECT_ID(N'shard.model_terms_deleted', N'TR') IS NOT NULL DROP TRIGGER shard.model_terms_deleted;
--/ batch
CREATE TRIGGER shard.model_terms_deleted ON shard.model AFTER DELETE AS
BEGIN
  SET NOCOUNT ON;
  DELETE t FROM shard.search_term t
  JOIN deleted d ON t.tenant_id = d.tenant_id AND t.model_id = d.model_id AND t.source = 0;
END;
--/ batch
IF OBJECT_ID(N'shard.release_terms_deleted', N'TR') IS NOT NULL DROP TRIGGER shard.release_terms_deleted;
--/ batch
CREATE TRIGGER shard.release_terms_deleted ON shard.release AFTER DELETE AS
BEGIN
  SET NOCOUNT ON;
  DELETE t FROM shard.search_term t
  JOIN deleted d ON t.tenant_id = d.tenant_id AND t.model_id = d.model_id AND t.source = d.release_pk;
END;
