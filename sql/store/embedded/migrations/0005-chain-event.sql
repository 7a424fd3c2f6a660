-- Events of contracts, by chain, in the order of the chain, and how far they have been read.

-- block_number and block_hash: the cursor; null where nothing has been read.
create table chain(
  chain_pk integer primary key autoincrement,
  tenant_id integer not null references tenant(tenant_id),
  name text not null,
  block_number integer check(block_number >= 0),
  block_hash text,
  unique(tenant_id, name),
  unique(tenant_id, chain_pk),
  check((block_number is null) = (block_hash is null))
) strict;

create table chain_event(
  tenant_id integer not null,
  chain_pk integer not null,
  block_number integer not null check(block_number >= 0),
  log_index integer not null check(log_index >= 0),
  block_hash text not null,
  transaction_hash text not null,
  contract text not null,
  name text not null,
  args text not null check(json_valid(args)),
  addresses text not null check(json_valid(addresses)),
  primary key(tenant_id, chain_pk, block_number, log_index),
  foreign key(tenant_id, chain_pk) references chain(tenant_id, chain_pk)
) strict, without rowid;
create index chain_event_name on chain_event(tenant_id, chain_pk, name, block_number, log_index);

-- Which events name an address: the same addresses as in the event, to look it up by.
create table chain_event_address(
  tenant_id integer not null,
  chain_pk integer not null,
  address text not null,
  block_number integer not null,
  log_index integer not null,
  primary key(tenant_id, chain_pk, address, block_number, log_index),
  foreign key(tenant_id, chain_pk, block_number, log_index)
    references chain_event(tenant_id, chain_pk, block_number, log_index) on delete cascade
) strict, without rowid;
create index chain_event_address_place on chain_event_address(tenant_id, chain_pk, block_number, log_index);
