-- Vectors of components in the server's own type, for searches that look at many rows: written by the node from the rows of
-- shard.embedding, as far as shard.vector_progress says, and removed with them. One table per size; vectors of other sizes
-- have zeros behind their numbers. cosine: VECTOR_DISTANCE('cosine', vector, CAST('[…]' AS VECTOR(384))).
--/ batch
IF OBJECT_ID(N'shard.vector_progress', N'U') IS NULL
CREATE TABLE shard.vector_progress(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  until_rev BIGINT NOT NULL CONSTRAINT vector_progress_rev CHECK (until_rev >= 0),
  CONSTRAINT vector_progress_pk PRIMARY KEY (tenant_id, space_pk),
  CONSTRAINT vector_progress_space FOREIGN KEY (tenant_id, space_pk)
    REFERENCES shard.space(tenant_id, space_pk) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_128', N'U') IS NULL
CREATE TABLE shard.vector_128(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_128_rev UNIQUE,
  vector VECTOR(128) NOT NULL,
  CONSTRAINT vector_128_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_128_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_256', N'U') IS NULL
CREATE TABLE shard.vector_256(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_256_rev UNIQUE,
  vector VECTOR(256) NOT NULL,
  CONSTRAINT vector_256_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_256_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_384', N'U') IS NULL
CREATE TABLE shard.vector_384(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_384_rev UNIQUE,
  vector VECTOR(384) NOT NULL,
  CONSTRAINT vector_384_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_384_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_512', N'U') IS NULL
CREATE TABLE shard.vector_512(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_512_rev UNIQUE,
  vector VECTOR(512) NOT NULL,
  CONSTRAINT vector_512_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_512_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_768', N'U') IS NULL
CREATE TABLE shard.vector_768(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_768_rev UNIQUE,
  vector VECTOR(768) NOT NULL,
  CONSTRAINT vector_768_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_768_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_1024', N'U') IS NULL
CREATE TABLE shard.vector_1024(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_1024_rev UNIQUE,
  vector VECTOR(1024) NOT NULL,
  CONSTRAINT vector_1024_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_1024_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_1536', N'U') IS NULL
CREATE TABLE shard.vector_1536(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_1536_rev UNIQUE,
  vector VECTOR(1536) NOT NULL,
  CONSTRAINT vector_1536_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_1536_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
--/ batch
IF OBJECT_ID(N'shard.vector_1998', N'U') IS NULL
CREATE TABLE shard.vector_1998(
  tenant_id BIGINT NOT NULL,
  space_pk BIGINT NOT NULL,
  rev BIGINT NOT NULL CONSTRAINT vector_1998_rev UNIQUE,
  vector VECTOR(1998) NOT NULL,
  CONSTRAINT vector_1998_pk PRIMARY KEY (tenant_id, space_pk, rev),
  CONSTRAINT vector_1998_row FOREIGN KEY (rev) REFERENCES shard.embedding(rev) ON DELETE CASCADE
);
-- Where tenants are kept apart a second time, here, too.
--/ batch
IF OBJECT_ID(N'shard.tenant_policy', N'SP') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sys.security_predicates
  WHERE target_object_id = OBJECT_ID(N'shard.vector_progress', N'U'))
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
