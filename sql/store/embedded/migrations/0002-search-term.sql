-- Search terms: what a model may be found by, from its content (source 0) and from each of its releases (their key). A
-- model of which only a release is known has rows here, too: they count once its content comes.

create table search_term(
  tenant_id integer not null references tenant(tenant_id),
  term text not null,
  model_id text not null,
  source integer not null check(source >= 0),
  primary key(tenant_id, term, model_id, source)
) strict, without rowid;
create index search_term_source on search_term(tenant_id, model_id, source);

create trigger model_terms_deleted after delete on model begin
  delete from search_term where tenant_id = old.tenant_id and model_id = old.model_id and source = 0;
end;
create trigger release_terms_deleted after delete on release begin
  delete from search_term where tenant_id = old.tenant_id and model_id = old.model_id and source = old.release_pk;
end;

-- Releases that are known already: by name and licence. The words in their names come with their next versions.
insert or ignore into search_term(tenant_id, term, model_id, source)
  select tenant_id, 'name:' || name, model_id, release_pk from release;
insert or ignore into search_term(tenant_id, term, model_id, source)
  select tenant_id, 'licence:' || (body ->> '$.licence'), model_id, release_pk from release;
