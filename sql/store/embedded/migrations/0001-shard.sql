-- One shard: what its tenants hold, where the bytes lie, and how the parts hang together.
-- The tenant leads every key, and composite foreign keys keep rows of one tenant from pointing at another's.

create table tenant(
  tenant_id integer primary key autoincrement,
  name text not null unique
) strict;

create table model(
  model_pk integer primary key autoincrement,
  tenant_id integer not null references tenant(tenant_id),
  model_id text not null,
  architecture text not null,
  format text not null,
  parameter_count integer not null check(parameter_count >= 0),
  size_bytes integer not null check(size_bytes >= 0),
  chunk_count integer not null check(chunk_count >= 0),
  origin text not null check(origin in ('ingest', 'fetch')),
  created_at_ms integer not null,
  last_used_at_ms integer not null,
  is_pinned integer not null default 0 check(is_pinned in (0, 1)),
  meta text not null check(json_valid(meta)),
  -- SHA-256 of the components and edges: equal means that a second put has nothing to replace.
  index_sha256 blob not null check(length(index_sha256) = 32),
  unique(tenant_id, model_id),
  unique(tenant_id, model_pk)
) strict;

-- path, origin and identity are null while the place of a file is not known yet.
create table model_file(
  tenant_id integer not null,
  model_pk integer not null,
  file_index integer not null check(file_index >= 0),
  size_bytes integer not null check(size_bytes >= 0),
  path text,
  origin text check(origin in ('user', 'own')),
  identity text,
  primary key(tenant_id, model_pk, file_index),
  foreign key(tenant_id, model_pk) references model(tenant_id, model_pk) on delete cascade,
  check((path is null) = (origin is null))
) strict, without rowid;

-- first_chunk: chunk index, within the model, of the extent's first chunk (of the next one, where the extent is empty).
create table extent(
  tenant_id integer not null,
  model_pk integer not null,
  file_index integer not null,
  extent_index integer not null check(extent_index >= 0),
  first_chunk integer not null check(first_chunk >= 0),
  kind text not null check(kind in ('header', 'tensor', 'gap')),
  name text,
  dtype text,
  shape text check(shape is null or json_valid(shape)),
  offset_bytes integer not null check(offset_bytes >= 0),
  size_bytes integer not null check(size_bytes >= 0),
  root blob not null check(length(root) = 32),
  primary key(tenant_id, model_pk, file_index, extent_index),
  foreign key(tenant_id, model_pk, file_index) references model_file(tenant_id, model_pk, file_index) on delete cascade
) strict, without rowid;
create index extent_chunk on extent(tenant_id, model_pk, first_chunk);
create index extent_root on extent(tenant_id, root);

-- Chunk hashes in chunk-index order: 32 bytes each, 16,384 in a block, fewer in the last one.
create table leaf(
  tenant_id integer not null,
  model_pk integer not null,
  block integer not null check(block >= 0),
  leaves blob not null check(length(leaves) % 32 = 0),
  primary key(tenant_id, model_pk, block),
  foreign key(tenant_id, model_pk) references model(tenant_id, model_pk) on delete cascade
) strict;

-- bits: one per chunk, most significant bit first. The counters follow from it and are written with it.
create table holding(
  tenant_id integer not null,
  model_pk integer not null,
  bits blob not null,
  held_chunks integer not null check(held_chunks >= 0),
  held_bytes integer not null check(held_bytes >= 0),
  primary key(tenant_id, model_pk),
  foreign key(tenant_id, model_pk) references model(tenant_id, model_pk) on delete cascade
) strict;

create table component(
  component_pk integer primary key autoincrement,
  tenant_id integer not null,
  model_pk integer not null,
  key text not null,
  kind text not null check(kind in ('embedding', 'attention', 'ffn', 'expert', 'router', 'norm', 'head', 'other')),
  layer integer check(layer >= 0),
  expert integer check(expert >= 0),
  size_bytes integer not null check(size_bytes >= 0),
  parameter_count integer not null check(parameter_count >= 0),
  meta text not null check(json_valid(meta)),
  since_ms integer not null,
  unique(tenant_id, model_pk, key),
  unique(tenant_id, component_pk),
  foreign key(tenant_id, model_pk) references model(tenant_id, model_pk) on delete cascade
) strict;

-- Names extents by number without a foreign key: checking one from the extent's side needs a third index per row, and
-- both sides are written and removed together, in one transaction, after the numbers were checked.
create table component_extent(
  tenant_id integer not null,
  component_pk integer not null,
  ordinal integer not null check(ordinal >= 0),
  file_index integer not null,
  extent_index integer not null,
  primary key(tenant_id, component_pk, ordinal),
  foreign key(tenant_id, component_pk) references component(tenant_id, component_pk) on delete cascade
) strict, without rowid;

create table edge(
  tenant_id integer not null,
  src integer not null,
  kind text not null check(kind in ('next', 'contains', 'uses')),
  dst integer not null,
  primary key(tenant_id, src, kind, dst),
  foreign key(tenant_id, src) references component(tenant_id, component_pk) on delete cascade,
  foreign key(tenant_id, dst) references component(tenant_id, component_pk) on delete cascade
) strict, without rowid;
create index edge_rev on edge(tenant_id, dst, kind, src);

-- What a component was before it was changed or removed. Bounded by the store: oldest out.
create table component_history(
  history_pk integer primary key autoincrement,
  tenant_id integer not null,
  model_pk integer not null,
  component_pk integer not null,
  key text not null,
  kind text not null,
  layer integer,
  expert integer,
  size_bytes integer not null,
  parameter_count integer not null,
  meta text not null,
  valid_from_ms integer not null,
  valid_to_ms integer not null
) strict;
create index component_history_order on component_history(tenant_id, history_pk);
create index component_history_key on component_history(tenant_id, model_pk, key, valid_from_ms);

create trigger component_updated after update on component begin
  insert into component_history(tenant_id, model_pk, component_pk, key, kind, layer, expert, size_bytes, parameter_count,
    meta, valid_from_ms, valid_to_ms)
  values(old.tenant_id, old.model_pk, old.component_pk, old.key, old.kind, old.layer, old.expert, old.size_bytes,
    old.parameter_count, old.meta, old.since_ms, cast(unixepoch('subsec') * 1000 as integer));
end;
create trigger component_deleted after delete on component begin
  insert into component_history(tenant_id, model_pk, component_pk, key, kind, layer, expert, size_bytes, parameter_count,
    meta, valid_from_ms, valid_to_ms)
  values(old.tenant_id, old.model_pk, old.component_pk, old.key, old.kind, old.layer, old.expert, old.size_bytes,
    old.parameter_count, old.meta, old.since_ms, cast(unixepoch('subsec') * 1000 as integer));
end;

-- body: the release as JSON; bytes and signature: what its publisher signed.
create table release(
  release_pk integer primary key autoincrement,
  tenant_id integer not null references tenant(tenant_id),
  model_id text not null,
  publisher text not null,
  name text not null,
  created_at_ms integer not null,
  is_own integer not null check(is_own in (0, 1)),
  body text not null check(json_valid(body)),
  bytes blob not null,
  signature blob not null,
  received_from text not null,
  received_at_ms integer not null,
  unique(tenant_id, publisher, model_id, name)
) strict;
create index release_order on release(tenant_id, release_pk);
create index release_model on release(tenant_id, model_id, release_pk);
create index release_name on release(tenant_id, name, release_pk);
create index release_source on release(tenant_id, received_from, release_pk);
create index release_licence on release(tenant_id, (body ->> '$.licence'), release_pk);

create table ingest_checkpoint(
  tenant_id integer not null references tenant(tenant_id),
  path text not null,
  identity text not null,
  leaf_count integer not null check(leaf_count >= 0),
  updated_at_ms integer not null,
  primary key(tenant_id, path)
) strict, without rowid;

create table ingest_leaf(
  tenant_id integer not null,
  path text not null,
  block integer not null check(block >= 0),
  leaves blob not null check(length(leaves) % 32 = 0),
  primary key(tenant_id, path, block),
  foreign key(tenant_id, path) references ingest_checkpoint(tenant_id, path) on delete cascade
) strict;

create table setting(
  tenant_id integer not null references tenant(tenant_id),
  key text not null,
  value text not null check(json_valid(value)),
  primary key(tenant_id, key)
) strict, without rowid;

-- lease_until_ms: until then the event belongs to whoever claimed it.
create table outbox(
  seq integer primary key autoincrement,
  tenant_id integer not null references tenant(tenant_id),
  topic text not null,
  body text not null check(json_valid(body)),
  at_ms integer not null,
  lease_until_ms integer not null default 0
) strict;
create index outbox_tenant on outbox(tenant_id, seq);
