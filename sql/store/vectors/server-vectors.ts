/**
 * Vectors in a type of the database server, beside their rows: where the owner has set it up, a search that must look at
 * many rows asks the server for the nearest, and does not fetch them all. Written in the background, up to some row, as
 * graphs are; newer rows are fetched. What the server says is scored by the rows themselves.
 */
import type { TenantSession } from '../executor.ts'
import type { StoredSpace } from '../statements.ts'
import type { EmbeddingFilter } from '../types.ts'
import type { SpaceTransactions } from './grow-index.ts'
import { filterOf } from './row-filter.ts'
import { vectorOfBytes } from './vector.ts'

/**
 * A type has as many numbers as it says. The usual sizes of embeddings, and the largest that the server takes; others have
 * zeros behind their numbers, which change no angle.
 */
export const serverVectorSizes = [128, 256, 384, 512, 768, 1024, 1536, 1998] as const

/** Rows of one transaction: 256 x 384 numbers of 13 characters are 1.3 MB of text. */
const rowsPerStep = 256
/** The server measures in f32: what it takes for a little farther may be the nearer one. */
const spareRows = 12

export function serverVectorSizeOf(dimension: number): number {
  return serverVectorSizes.find((size) => size >= dimension)!
}

/** As JSON, padded to a size. Nine digits say which f32 it is. */
export function numbersOf(vector: Float32Array, size: number): string {
  const numbers = Array.from(vector, (value) => value.toPrecision(9))
  return `[${numbers.join()}${',0'.repeat(size - vector.length)}]`
}

/** Rows up to this one are there; 0 where the engine has no such vectors. */
export async function serverVectorsUntil(x: TenantSession, { spacePk }: StoredSpace): Promise<number> {
  if (!x.hasVectors) return 0
  return (await x.get('findVectorProgress', { spacePk }))?.rev ?? 0
}

/** Numbers of rows behind `afterRev` that are nearest by the server's measure: some more than `count`. */
export async function nearestOnServer(
  x: TenantSession,
  { spacePk, dimension }: StoredSpace,
  query: Float32Array,
  count: number,
  { afterRev, where }: { afterRev: number; where?: EmbeddingFilter | undefined },
): Promise<number[]> {
  const size = serverVectorSizeOf(dimension)
  const asked = { spacePk, size, numbers: numbersOf(query, size), afterRev, limit: count + spareRows }
  const rows = where
    ? await x.all('listNearestOf', { ...asked, ...filterOf(where) })
    : await x.all('listNearest', asked)
  return rows.map(({ rev }) => rev)
}

/** Until less than `pendingRows` are missing. @throws what the store throws, and the reason of the signal */
export async function growServerVectors(
  transactions: SpaceTransactions,
  name: string,
  pendingRows: number,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  for (let isWanted = await isBehind(transactions, name, pendingRows); isWanted; ) {
    signal.throwIfAborted()
    isWanted = await transactions.run('write', (x) => addStep(x, name))
  }
}

function isBehind(transactions: SpaceTransactions, name: string, pendingRows: number): Promise<boolean> {
  return transactions.run('read', async (x) => {
    const space = x.hasVectors ? await x.get('findSpace', { name }) : undefined
    if (space === undefined) return false
    const { spacePk, rev: untilRev } = space
    const afterRev = await serverVectorsUntil(x, space)
    return (await x.get('countEmbeddings', { spacePk, afterRev, untilRev }))!.count >= pendingRows
  })
}

/** In one transaction with how far it has come. False when nothing is left. */
async function addStep(x: TenantSession, name: string): Promise<boolean> {
  const space = await x.get('findSpace', { name })
  if (space === undefined) return false
  const { spacePk, dimension } = space
  const afterRev = await serverVectorsUntil(x, space)
  const page = { spacePk, afterRev, untilRev: space.rev, limit: rowsPerStep }
  const rows = await x.all('listEmbeddings', page)
  const isLast = rows.length < rowsPerStep
  if (rows.length > 0) {
    const size = serverVectorSizeOf(dimension)
    const vectors = rows.map(({ rev, vector }) => `"${rev}":${numbersOf(vectorOfBytes(vector, dimension), size)}`)
    await x.run('insertServerVectors', { spacePk, size, vectors: `{${vectors.join()}}` })
  }
  await x.run('putVectorProgress', { spacePk, rev: isLast ? space.rev : rows.at(-1)!.rev })
  return !isLast
}
