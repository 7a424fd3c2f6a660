-- Embeddings of components, each in a space of vectors that can be compared with one another. The rows are the truth; an
-- index beside the database may be made from them at any time.

-- rev counts the vectors ever written here, by all tenants. uid tells this database from others that stood at its path.
create table shard(
  shard_pk integer primary key check(shard_pk = 1),
  uid text not null,
  rev integer not null check(rev >= 0)
) strict;
insert into shard(shard_pk, uid, rev) values(1, lower(hex(randomblob(16))), 0);

-- index_number: how often an index of it was written. On disk, with all rows before it, before that index counts.
create table space(
  space_pk integer primary key autoincrement,
  tenant_id integer not null references tenant(tenant_id),
  name text not null,
  dimension integer not null check(dimension > 0),
  row_count integer not null default 0 check(row_count >= 0),
  index_number integer not null default 0 check(index_number >= 0),
  unique(tenant_id, name),
  unique(tenant_id, space_pk)
) strict;

-- A vector never changes: another one for the same component is a new row with a new rev, its key in the index.
-- vector: f32, little endian, of length 1.
create table embedding(
  rev integer primary key,
  tenant_id integer not null,
  space_pk integer not null,
  component_pk integer not null,
  vector blob not null check(length(vector) > 0 and length(vector) % 4 = 0),
  unique(tenant_id, space_pk, component_pk),
  foreign key(tenant_id, space_pk) references space(tenant_id, space_pk) on delete cascade,
  foreign key(tenant_id, component_pk) references component(tenant_id, component_pk) on delete cascade
) strict;
create index embedding_order on embedding(tenant_id, space_pk, rev);
create index embedding_component on embedding(tenant_id, component_pk);

create trigger embedding_inserted after insert on embedding begin
  update space set row_count = row_count + 1 where tenant_id = new.tenant_id and space_pk = new.space_pk;
end;
create trigger embedding_deleted after delete on embedding begin
  update space set row_count = row_count - 1 where tenant_id = old.tenant_id and space_pk = old.space_pk;
end;
