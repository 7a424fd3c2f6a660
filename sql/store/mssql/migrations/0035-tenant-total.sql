-- What each tenant keeps at a coordinator, counted with every change of its jobs and documents: asking takes one row.
-- open_jobs: that have not ended. stored_bytes: of jobs as in job.size_bytes, and of documents (of those stored before: their
-- characters).
--/ batch
IF OBJECT_ID(N'shard.tenant_total', N'U') IS NULL
CREATE TABLE shard.tenant_total(
  tenant_id BIGINT NOT NULL CONSTRAINT tenant_total_tenant REFERENCES shard.tenant(tenant_id),
  open_jobs BIGINT NOT NULL CONSTRAINT tenant_total_open_jobs CHECK (open_jobs >= 0),
  stored_bytes BIGINT NOT NULL CONSTRAINT tenant_total_stored_bytes CHECK (stored_bytes >= 0),
  CONSTRAINT tenant_total_pk PRIMARY KEY (tenant_id)
);
--/ batch
IF NOT EXISTS (SELECT 1 FROM shard.tenant_total)
INSERT INTO shard.tenant_total(tenant_id, open_jobs, stored_bytes)
  SELECT k.tenant_id, SUM(k.open_jobs), SUM(k.stored_bytes) FROM (
    SELECT tenant_id, CASE WHEN finished_at_ms IS NULL THEN 1 ELSE 0 END AS open_jobs, size_bytes AS stored_bytes
      FROM shard.job
    UNION ALL SELECT tenant_id, 0, DATALENGTH([text]) / 2 FROM shard.document
  ) k
  GROUP BY k.tenant_id;
