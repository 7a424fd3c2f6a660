/** Texts by their hashes, and the names that point at them. */
import { createHash } from 'node:crypto'
import { HartonomousError } from '#protocol/errors.ts'
import { documentBytesMax, documentNameBytesMax, documentVersionsPageMax } from '#protocol/limits.ts'
import { checkCount, checkHash, checkName, checkText, wrong } from './bounds.ts'
import type { TenantSession } from './executor.ts'
import { addToTotal } from './tenant-total.ts'

interface GivenDocument {
  hash: Uint8Array
  text: string
  atMs: number
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkDocument({ hash, text, atMs }: GivenDocument): void {
  checkHash('the hash of a document', hash)
  checkCount('the time of a document', atMs)
  checkText('a document', text, documentBytesMax)
  if (Buffer.compare(createHash('sha256').update(text).digest(), hash) !== 0)
    throw wrong('a document comes with the hash of another one')
}

export async function putDocument(x: TenantSession, { hash, text, atMs }: GivenDocument): Promise<void> {
  const isNew = (await x.run('insertDocument', { hash, text, atMs })) > 0
  if (isNew) await addToTotal(x, { openJobs: 0, storedBytes: Buffer.byteLength(text) })
}

export async function getDocument(x: TenantSession, hash: Uint8Array): Promise<string | undefined> {
  return (await x.get('findDocument', { hash }))?.text
}

interface Naming {
  name: string
  hash: Uint8Array
  previous: Uint8Array | undefined
  atMs: number
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkNaming({ name, hash, previous, atMs }: Naming): void {
  checkName('the name of a document', name, documentNameBytesMax)
  checkHash('the hash of a document', hash)
  if (previous !== undefined) checkHash('the hash of a document', previous)
  checkCount('the time of a name', atMs)
}

/** False, and nothing is written, where the name does not point at `previous`. */
export async function nameDocument(x: TenantSession, { name, hash, previous, atMs }: Naming): Promise<boolean> {
  const { count } = (await x.get('hasDocument', { hash }))!
  if (count === 0)
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'document', id: Buffer.from(hash).toString('hex') })
  const latest = await x.get('listDocumentVersions', { name, limit: 1 })
  if (!isSame(latest?.hash, previous)) return false
  if (isSame(latest?.hash, hash)) return true
  await x.run('insertDocumentName', { name, version: (latest?.version ?? 0) + 1, hash, atMs })
  return true
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0
}

export async function listVersions(x: TenantSession, name: string): Promise<{ hash: Uint8Array; atMs: number }[]> {
  const rows = await x.all('listDocumentVersions', { name, limit: documentVersionsPageMax })
  return rows.map(({ hash, atMs }) => ({ hash, atMs }))
}

export async function listNames(
  x: TenantSession,
  prefix: string,
): Promise<{ name: string; hash: Uint8Array; atMs: number }[]> {
  checkText('the beginning of a name', prefix, documentNameBytesMax)
  const rows = await x.all('listDocumentNames', { fromName: prefix, untilName: `${prefix}\u{10ffff}` })
  // SQL Server takes a space at the end of the prefix for nothing.
  return rows.filter(({ name }) => name.startsWith(prefix))
}
