-- What a coordinator keeps: jobs with their attempts and events, keys of programs, documents, checkpoints of workflows.

-- revision: grows with each change. owner_until_ms: 0 where nobody owns the job. size_bytes: of request, detail, result and
-- error, so that a page of jobs can end in time. event_count: the number of its last event. charged_wei: decimal digits.
create table job(
  tenant_id integer not null references tenant(tenant_id),
  job_id text not null,
  kind text not null,
  idempotency_key text,
  request_hash blob not null check(length(request_hash) = 32),
  parent_job_id text,
  created_at_ms integer not null check(created_at_ms >= 0),
  state text not null,
  reason text not null,
  revision integer not null check(revision > 0),
  owner text,
  owner_until_ms integer not null,
  is_cancel_requested integer not null check(is_cancel_requested in (0, 1)),
  updated_at_ms integer not null check(updated_at_ms >= 0),
  finished_at_ms integer check(finished_at_ms >= 0),
  detail text not null check(json_valid(detail)),
  result text check(result is null or json_valid(result)),
  error text check(error is null or json_valid(error)),
  charged_wei text not null,
  size_bytes integer not null check(size_bytes >= 0),
  event_count integer not null check(event_count >= 0),
  primary key(tenant_id, job_id),
  check((owner is null) = (owner_until_ms = 0)),
  check((finished_at_ms is not null) = (state in ('succeeded', 'failed', 'cancelled'))),
  check(finished_at_ms is null or owner is null)
) strict;
create unique index job_idempotency on job(tenant_id, idempotency_key) where idempotency_key is not null;
create index job_state on job(tenant_id, state, job_id);
create index job_kind on job(tenant_id, kind, state, job_id);
create index job_parent on job(tenant_id, parent_job_id, job_id) where parent_job_id is not null;
create index job_unfinished on job(tenant_id, state, owner_until_ms, job_id) where finished_at_ms is null;
create index job_finished on job(tenant_id, finished_at_ms, job_id) where finished_at_ms is not null;

create trigger job_final_not_changed before update on job when old.finished_at_ms is not null begin
  select raise(abort, 'a final job does not change');
end;

-- Never changes: apart from its job, whose row is written anew with each change.
create table job_request(
  tenant_id integer not null,
  job_id text not null,
  request text not null check(json_valid(request)),
  primary key(tenant_id, job_id),
  foreign key(tenant_id, job_id) references job(tenant_id, job_id) on delete cascade
) strict;

create table job_attempt(
  tenant_id integer not null,
  job_id text not null,
  attempt integer not null check(attempt >= 0),
  peer_id text not null,
  is_hedge integer not null check(is_hedge in (0, 1)),
  started_at_ms integer not null,
  ended_at_ms integer,
  outcome text check(outcome in ('won', 'lost', 'failed', 'cancelled')),
  detail text not null check(json_valid(detail)),
  paid_wei text not null,
  receipt_hash blob check(length(receipt_hash) = 32),
  primary key(tenant_id, job_id, attempt),
  foreign key(tenant_id, job_id) references job(tenant_id, job_id) on delete cascade
) strict;
create unique index job_attempt_won on job_attempt(tenant_id, job_id) where outcome = 'won';

create table job_event(
  tenant_id integer not null,
  job_id text not null,
  seq integer not null check(seq > 0),
  at_ms integer not null,
  body text not null check(json_valid(body)),
  primary key(tenant_id, job_id, seq),
  foreign key(tenant_id, job_id) references job(tenant_id, job_id) on delete cascade
) strict;

create table api_key(
  tenant_id integer not null references tenant(tenant_id),
  key_id text not null,
  hash blob not null check(length(hash) = 32),
  holder text not null,
  label text not null,
  scopes text not null check(json_valid(scopes)),
  created_at_ms integer not null,
  expires_at_ms integer,
  revoked_at_ms integer,
  last_used_at_ms integer,
  primary key(tenant_id, key_id)
) strict;
create index api_key_holder on api_key(tenant_id, holder, created_at_ms, key_id);

create table document(
  tenant_id integer not null references tenant(tenant_id),
  hash blob not null check(length(hash) = 32),
  text text not null,
  created_at_ms integer not null,
  primary key(tenant_id, hash)
) strict;

-- version: 1, 2, 3 and so on; the name points at the document of the last one.
create table document_name(
  tenant_id integer not null,
  name text not null,
  version integer not null check(version > 0),
  hash blob not null,
  at_ms integer not null,
  primary key(tenant_id, name, version),
  foreign key(tenant_id, hash) references document(tenant_id, hash)
) strict;
create index document_name_hash on document_name(tenant_id, hash);

-- "checkpoint" alone is a word of T-SQL.
create table thread_checkpoint(
  tenant_id integer not null references tenant(tenant_id),
  thread text not null,
  namespace text not null,
  checkpoint_id text not null,
  parent_id text,
  body blob not null,
  metadata blob not null,
  size_bytes integer not null,
  primary key(tenant_id, thread, namespace, checkpoint_id)
) strict;
create index thread_checkpoint_order on thread_checkpoint(tenant_id, thread, checkpoint_id, namespace);

-- May come before its checkpoint: a step is saved while the next one runs. ordinal: below 0 for what the runtime itself writes.
create table thread_write(
  tenant_id integer not null references tenant(tenant_id),
  thread text not null,
  namespace text not null,
  checkpoint_id text not null,
  task_id text not null,
  ordinal integer not null,
  channel text not null,
  value blob not null,
  primary key(tenant_id, thread, namespace, checkpoint_id, task_id, ordinal)
) strict;
