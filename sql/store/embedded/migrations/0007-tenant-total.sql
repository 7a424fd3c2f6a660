-- What each tenant keeps at a coordinator, counted with every change of its jobs and documents: asking takes one row.
-- open_jobs: that have not ended. stored_bytes: of jobs as in job.size_bytes, and of documents. Without checks: what is added
-- may be below 0, and comes as a row.
create table tenant_total(
  tenant_id integer not null references tenant(tenant_id),
  open_jobs integer not null,
  stored_bytes integer not null,
  primary key(tenant_id)
) strict;
insert into tenant_total(tenant_id, open_jobs, stored_bytes)
  select tenant_id, sum(open_jobs), sum(stored_bytes) from (
    select tenant_id, finished_at_ms is null as open_jobs, size_bytes as stored_bytes from job
    union all select tenant_id, 0, length(cast(text as blob)) from document
  ) group by tenant_id;
