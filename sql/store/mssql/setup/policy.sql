-- A second fence behind the tenant in every statement: rows of another tenant cannot be read or written, whatever is asked.
-- -1 sees all rows: counting them, and moving a shard.
--/ batch
IF OBJECT_ID(N'shard.tenant_policy', N'SP') IS NOT NULL DROP SECURITY POLICY shard.tenant_policy;
--/ batch
IF OBJECT_ID(N'shard.tenant_predicate', N'IF') IS NOT NULL DROP FUNCTION shard.tenant_predicate;
--/ batch
CREATE FUNCTION shard.tenant_predicate(@tenant_id BIGINT) RETURNS TABLE WITH SCHEMABINDING AS
RETURN SELECT 1 AS ok
  WHERE @tenant_id = CAST(SESSION_CONTEXT(N'tenant_id') AS BIGINT) OR CAST(SESSION_CONTEXT(N'tenant_id') AS BIGINT) = -1
    OR @tenant_id = (SELECT r.tenant_id FROM shard.console_reader r WHERE r.principal = USER_NAME());
--/ batch
CREATE SECURITY POLICY shard.tenant_policy
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.model,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.model AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.model AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.model_file,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.model_file AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.model_file AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.extent,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.extent AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.extent AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.leaf,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.leaf AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.leaf AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.holding,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.holding AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.holding AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.component,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.component AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.component AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.component_history,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.component_extent,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.component_extent AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.component_extent AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.edge,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.edge AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.edge AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.release,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.release AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.release AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.ingest_checkpoint,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.ingest_checkpoint AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.ingest_checkpoint AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.ingest_leaf,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.ingest_leaf AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.ingest_leaf AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.setting,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.setting AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.setting AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.outbox,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.outbox AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.outbox AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.ledger,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.ledger AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.ledger AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain_event,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain_event AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain_event AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain_event_address,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain_event_address AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.chain_event_address AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.search_term,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.search_term AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.search_term AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.space,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.space AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.space AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.embedding,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.embedding AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.embedding AFTER UPDATE
  WITH (STATE = ON);
-- Tables of the set-up of vectors, where it came first.
--/ batch
IF OBJECT_ID(N'shard.vector_progress', N'U') IS NOT NULL
ALTER SECURITY POLICY shard.tenant_policy
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_progress,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_progress AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_progress AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_128,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_128 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_128 AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_256,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_256 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_256 AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_384,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_384 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_384 AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_512,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_512 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_512 AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_768,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_768 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_768 AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1024,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1024 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1024 AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1536,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1536 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1536 AFTER UPDATE,
  ADD FILTER PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1998,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1998 AFTER INSERT,
  ADD BLOCK PREDICATE shard.tenant_predicate(tenant_id) ON shard.vector_1998 AFTER UPDATE;
--/ batch
-- SESSION_CONTEXT may give wrong results in parallel plans (known issue of 2025).
ALTER DATABASE SCOPED CONFIGURATION SET MAXDOP = 1;
