/** Signed releases that this node knows: bounded, oldest out, paged. Signatures are checked by whoever puts them here. */
import { HartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { releaseBytesMax, releasesKnownMax, releasesPerModelMax, releasesPerPeerMax } from '#protocol/limits.ts'
import type { Release, SignedRelease } from '#protocol/model/release.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import type { TenantSession } from './executor.ts'
import { releaseTerms } from './search-terms.ts'
import type { StoredRelease } from './statements.ts'
import type { ReleaseFilter, ReleasePage, ReleaseRow } from './types.ts'

const pageRowsMax = 1000
const pageRowsDefault = 100

/** Bounds of the table; the real ones unless a test wants small ones. */
export interface ReleaseBounds {
  known: number
  perPeer: number
  perModel: number
}

export const releaseBounds: ReleaseBounds = {
  known: releasesKnownMax,
  perPeer: releasesPerPeerMax,
  perModel: releasesPerModelMax,
}

export async function putRelease(
  x: TenantSession,
  signed: SignedRelease,
  source: { receivedFrom: PeerId; isOwn: boolean },
  bounds: ReleaseBounds,
  atMs: number,
): Promise<boolean> {
  const { release, bytes, signature } = signed
  const sizeBytes = bytes.length + signature.length
  if (sizeBytes > releaseBytesMax) {
    throw new HartonomousError('ERR_LIMIT', { what: 'bytes of a release', limit: releaseBytesMax, actual: sizeBytes })
  }
  const { publisher, modelId, name, createdAtMs } = release
  const known = await x.get('findRelease', { publisher, modelId, name })
  if (known !== undefined && known.createdAtMs >= createdAtMs) {
    const isSame = known.createdAtMs === createdAtMs && Buffer.from(known.bytes).equals(bytes)
    if (isSame && source.isOwn && known.isOwn === 0) await x.run('markReleaseOwn', { releasePk: known.releasePk })
    return false
  }
  // What was our own stays our own: nobody else can sign its successor.
  const isOwn = source.isOwn || known?.isOwn === 1
  if (known !== undefined) await x.run('deleteRelease', { releasePk: known.releasePk })
  else if (!isOwn && !(await makeRoom(x, release, source.receivedFrom, bounds))) return false
  await x.run('insertRelease', {
    publisher,
    modelId,
    name,
    createdAtMs,
    isOwn: isOwn ? 1 : 0,
    body: canonicalJson(release),
    bytes,
    signature,
    receivedFrom: source.receivedFrom,
    receivedAtMs: atMs,
  })
  const { releasePk } = (await x.get('findRelease', { publisher, modelId, name }))!
  const terms = releaseTerms(release).map((term) => ({ term, modelId, source: releasePk }))
  await x.runMany('insertSearchTerm', terms)
  return true
}

/**
 * Protected ones count, too, and stay: the counts are cheap, and one that can go is found unless all are protected.
 * Releases of models that are here are kept: without the third bound a flood of them, each by a fresh key, would stay for
 * ever. For such a model the first ones stay, for others the last ones.
 */
async function makeRoom(x: TenantSession, release: Release, from: PeerId, bounds: ReleaseBounds): Promise<boolean> {
  const { modelId } = release
  const isHere = (await x.get('findModel', { modelId })) !== undefined
  if ((await x.get('countReleasesOfModel', { modelId }))!.count >= bounds.perModel) {
    if (isHere) return false
    await x.run('deleteOldestReleaseOfModel', { modelId })
  }
  if (isHere) return true
  if ((await x.get('countReleasesFrom', { receivedFrom: from }))!.count >= bounds.perPeer) {
    await x.run('deleteOldestReleaseFrom', { receivedFrom: from })
  }
  if ((await x.get('countReleases', {}))!.count >= bounds.known) await deleteOne(x)
  return true
}

/** Of whoever told most, so that a few peers cannot push out what others told; the oldest where each told one. */
async function deleteOne(x: TenantSession): Promise<void> {
  const { receivedFrom, count } = (await x.get('largestReleaseSource', {}))!
  if (count > 1 && (await x.run('deleteOldestReleaseFrom', { receivedFrom })) > 0) return
  await x.run('deleteOldestRelease', {})
}

/** In the order of arrival: what arrives while a reader pages comes at the end, so no page skips or repeats a row. */
export async function listReleases(x: TenantSession, filter: ReleaseFilter): Promise<ReleasePage> {
  const limit = checkLimit(filter.limit)
  // One more than asked for tells whether there is a next page.
  const page = { afterPk: parseCursor(filter.cursor), sinceMs: filter.sinceMs ?? null, limit: limit + 1 }
  const rows = await pageOf(x, filter, page)
  const releases = rows.slice(0, limit).map(releaseRow)
  return rows.length > limit ? { releases, nextCursor: String(rows[limit - 1]!.releasePk) } : { releases }
}

function pageOf(
  x: TenantSession,
  { modelId, name, licence }: ReleaseFilter,
  page: { afterPk: number; sinceMs: number | null; limit: number },
): Promise<StoredRelease[]> {
  if (modelId !== undefined) {
    return x.all('listReleasesOfModel', { ...page, modelId, name: name ?? null, licence: licence ?? null })
  }
  if (name !== undefined) return x.all('listReleasesByName', { ...page, name, licence: licence ?? null })
  if (licence !== undefined) return x.all('listReleasesByLicence', { ...page, licence })
  return x.all('listReleases', page)
}

function releaseRow(row: StoredRelease): ReleaseRow {
  return {
    release: parseJson<Release>(row.body),
    bytes: row.bytes,
    signature: row.signature,
    receivedFrom: row.receivedFrom as PeerId,
    receivedAtMs: row.receivedAtMs,
    isOwn: row.isOwn === 1,
  }
}

function parseCursor(cursor: string | undefined): number {
  if (cursor === undefined) return 0
  if (!/^\d{1,15}$/.test(cursor)) {
    throw new HartonomousError('ERR_USAGE', { message: `not a cursor: ${JSON.stringify(cursor.slice(0, 40))}` })
  }
  return Number(cursor)
}

function checkLimit(limit = pageRowsDefault): number {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new HartonomousError('ERR_USAGE', { message: `a page of ${limit} releases` })
  }
  return Math.min(limit, pageRowsMax)
}
