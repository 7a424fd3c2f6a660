-- Components and edges as a graph, for people who like MATCH: a projection that shard_graph.refresh makes anew. The node
-- never reads it. MATCH (a-(part)->b), SHORTEST_PATH and the rest work on shard_graph.component and shard_graph.part.
--/ batch
IF SCHEMA_ID(N'shard_graph') IS NULL EXEC (N'CREATE SCHEMA shard_graph AUTHORIZATION dbo');
--/ batch
IF OBJECT_ID(N'shard_graph.component', N'U') IS NULL
CREATE TABLE shard_graph.component(
  component_pk BIGINT NOT NULL CONSTRAINT graph_component_pk PRIMARY KEY,
  tenant_id BIGINT NOT NULL,
  model_id NVARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  [key] NVARCHAR(400) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  layer BIGINT NULL,
  size_bytes BIGINT NOT NULL
) AS NODE;
--/ batch
IF OBJECT_ID(N'shard_graph.part', N'U') IS NULL
CREATE TABLE shard_graph.part(
  tenant_id BIGINT NOT NULL,
  kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
  CONSTRAINT graph_part_ends CONNECTION (shard_graph.component TO shard_graph.component) ON DELETE CASCADE
) AS EDGE;
--/ batch
IF OBJECT_ID(N'shard_graph.refresh', N'P') IS NOT NULL DROP PROCEDURE shard_graph.refresh;
--/ batch
CREATE PROCEDURE shard_graph.refresh @tenantId BIGINT AS
BEGIN
  SET NOCOUNT, XACT_ABORT ON;
  BEGIN TRANSACTION;
  EXEC sys.sp_set_session_context N'tenant_id', @tenantId;
  DELETE FROM shard_graph.component WHERE tenant_id = @tenantId;
  INSERT INTO shard_graph.component(component_pk, tenant_id, model_id, [key], kind, layer, size_bytes)
  SELECT c.component_pk, c.tenant_id, m.model_id, c.[key], c.kind, c.layer, c.size_bytes
  FROM shard.component c JOIN shard.model m ON m.tenant_id = c.tenant_id AND m.model_pk = c.model_pk
  WHERE c.tenant_id = @tenantId;
  INSERT INTO shard_graph.part($from_id, $to_id, tenant_id, kind)
  SELECT s.$node_id, d.$node_id, e.tenant_id, e.kind
  FROM shard.edge e
  JOIN shard_graph.component s ON s.component_pk = e.src
  JOIN shard_graph.component d ON d.component_pk = e.dst
  WHERE e.tenant_id = @tenantId;
  EXEC sys.sp_set_session_context N'tenant_id', NULL;
  COMMIT TRANSACTION;
END;
