-- The ledger of a tenant: what was promised, done and settled. Rows are added behind the last one and never change or go,
-- whoever asks. A tenant with a ledger cannot be removed: its rows point at it.

-- previous: hash of the row before, 32 zeros in the first one. kind is checked by the store: a check here could not be
-- widened without making the table anew. fields: what queries may read, or null.
create table ledger(
  tenant_id integer not null references tenant(tenant_id),
  seq integer not null check(seq > 0),
  kind text not null,
  subject text not null check(length(subject) > 0),
  body blob not null,
  fields text check(fields is null or json_valid(fields)),
  at_ms integer not null check(at_ms >= 0),
  previous blob not null check(length(previous) = 32),
  hash blob not null check(length(hash) = 32),
  primary key(tenant_id, seq)
) strict;
create index ledger_kind on ledger(tenant_id, kind, seq);
create index ledger_subject on ledger(tenant_id, kind, subject, seq);

create trigger ledger_not_changed before update on ledger begin
  select raise(abort, 'the ledger is append-only');
end;
create trigger ledger_not_removed before delete on ledger begin
  select raise(abort, 'the ledger is append-only');
end;
-- `insert or replace` removes without asking the trigger above: a number that is taken is refused here.
create trigger ledger_appended before insert on ledger
when exists (select 1 from ledger where tenant_id = new.tenant_id and seq >= new.seq)
  or (new.seq = 1 and new.previous <> zeroblob(32))
  or (new.seq > 1 and not exists (select 1 from ledger
    where tenant_id = new.tenant_id and seq = new.seq - 1 and hash = new.previous))
begin
  select raise(abort, 'an entry of the ledger follows from the last one');
end;
