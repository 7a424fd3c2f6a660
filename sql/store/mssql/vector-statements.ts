/**
 * Texts for servers that have the type VECTOR, on the tables of `setup/vectors.sql`. These have the size of their vectors in
 * their names, where no parameter can stand: `{size}` is put in by the session, one of a few numbers.
 */
import { serverVectorSizes } from '../vectors/server-vectors.ts'
import { collation } from './collation.ts'

const ofSpace = 'v.tenant_id = @tenantId AND v.space_pk = @spacePk AND v.rev > @afterRev'
/** A parameter has no such type. */
const query = 'DECLARE @query VECTOR({size}) = CAST(@numbers AS VECTOR({size}));'
const byDistance = `ORDER BY VECTOR_DISTANCE('cosine', v.vector, @query), v.rev`

export const vectorStatements = {
  findVectorProgress:
    'SELECT until_rev AS rev FROM shard.vector_progress WHERE tenant_id = @tenantId AND space_pk = @spacePk',
  putVectorProgress: `UPDATE shard.vector_progress WITH (UPDLOCK, SERIALIZABLE) SET until_rev = @rev
    WHERE tenant_id = @tenantId AND space_pk = @spacePk;
IF @@ROWCOUNT = 0 INSERT INTO shard.vector_progress(tenant_id, space_pk, until_rev) VALUES (@tenantId, @spacePk, @rev)`,
  insertServerVectors: `INSERT INTO shard.vector_{size}(tenant_id, space_pk, rev, vector)
    SELECT @tenantId, @spacePk, CAST(j.[key] AS BIGINT), CAST(j.[value] AS VECTOR({size})) FROM OPENJSON(@vectors) j`,
  listNearest: `${query}
SELECT TOP (@limit) v.rev FROM shard.vector_{size} v WHERE ${ofSpace} ${byDistance}`,
  listNearestOf: `${query}
SELECT TOP (@limit) v.rev FROM shard.vector_{size} v
    JOIN shard.embedding e ON e.rev = v.rev AND e.tenant_id = v.tenant_id
    JOIN shard.component c ON c.tenant_id = e.tenant_id AND c.component_pk = e.component_pk
    JOIN shard.model m ON m.tenant_id = c.tenant_id AND m.model_pk = c.model_pk
    WHERE ${ofSpace} AND (@modelId IS NULL OR m.model_id = @modelId)
      AND (@kinds IS NULL OR c.kind IN (SELECT k.[value] COLLATE ${collation} FROM OPENJSON(@kinds) k))
      AND (@layerMin IS NULL OR c.layer >= @layerMin) AND (@layerMax IS NULL OR c.layer <= @layerMax) ${byDistance}`,
} as const

/** Of the set-up; their rows go with those of `embedding` and `space`. */
export const vectorTableNames = [...serverVectorSizes.map((size) => `vector_${size}`), 'vector_progress']

/** @throws TypeError for a size that has no table */
export function sizedText(text: string, size: number): string {
  if (!(serverVectorSizes as readonly number[]).includes(size)) throw new TypeError(`no vectors of size ${size}`)
  return text.replaceAll('{size}', String(size))
}
