/** The ledger: what was promised, done and settled. Rows are added, and the engines refuse anything else. */
import { HartonomousError } from '#protocol/errors.ts'
import { ledgerPageRowsMax } from '#protocol/limits.ts'
import { parseJson } from './canonical-json.ts'
import type { TenantSession } from './executor.ts'
import {
  type LedgerCheck,
  type LedgerEntry,
  type LedgerFields,
  type LedgerFilter,
  type LedgerKind,
  type LedgerRow,
  ledgerHash,
  ledgerKinds,
  ledgerStart,
} from './ledger-entry.ts'
import type { StoredLedgerEntry } from './statements.ts'

const pageRowsDefault = 100

/** `isUnique`: where an entry of this kind and subject exists, the first of them stands for the one that was to be written. */
export async function appendLedger(
  x: TenantSession,
  rows: readonly LedgerRow[],
  isUnique: boolean,
): Promise<LedgerEntry[]> {
  const [last] = await x.all('listLedgerBack', { beforeSeq: Number.MAX_SAFE_INTEGER, limit: 1 })
  let { seq, hash } = last ?? { seq: 0, hash: ledgerStart }
  const entries: LedgerEntry[] = []
  for (const row of rows) {
    const known = isUnique ? await firstOf(x, row) : undefined
    if (known === undefined) {
      const previous = hash
      hash = ledgerHash(previous, ++seq, row)
      const stored = { ...row, seq, previous, hash }
      await x.run('insertLedger', stored)
      entries.push(entryOf(stored))
    } else entries.push(entryOf(known))
  }
  return entries
}

async function firstOf(x: TenantSession, { kind, subject }: LedgerRow): Promise<StoredLedgerEntry | undefined> {
  return x.get('listLedgerOfSubject', { kind, subject, afterSeq: 0, limit: 1 })
}

/** Each kind has its rows in an index: of several kinds the pages are merged. */
export async function listLedger(x: TenantSession, filter: LedgerFilter): Promise<LedgerEntry[]> {
  const { subject, afterSeq, newestFirst = false } = filter
  const limit = checkLedgerLimit(filter.limit)
  const isAny = filter.kinds === undefined || filter.kinds.length === 0
  const kinds = isAny ? ledgerKinds : new Set(filter.kinds)
  const after = { afterSeq: afterSeq ?? 0, limit }
  const before = { beforeSeq: afterSeq ?? Number.MAX_SAFE_INTEGER, limit }
  if (isAny && subject === undefined) {
    const rows = newestFirst ? await x.all('listLedgerBack', before) : await x.all('listLedger', after)
    return rows.map(entryOf)
  }
  const rows: StoredLedgerEntry[] = []
  for (const kind of kinds) {
    if (subject === undefined) {
      if (newestFirst) rows.push(...(await x.all('listLedgerOfKindBack', { kind, ...before })))
      else rows.push(...(await x.all('listLedgerOfKind', { kind, ...after })))
    } else if (newestFirst) rows.push(...(await x.all('listLedgerOfSubjectBack', { kind, subject, ...before })))
    else rows.push(...(await x.all('listLedgerOfSubject', { kind, subject, ...after })))
  }
  rows.sort((a, b) => (newestFirst ? b.seq - a.seq : a.seq - b.seq))
  return rows.slice(0, limit).map(entryOf)
}

export async function latestLedger(
  x: TenantSession,
  kind: LedgerKind,
  { afterSubject = '', limit }: { afterSubject?: string; limit?: number },
): Promise<LedgerEntry[]> {
  const rows = await x.all('listLatestLedger', { kind, afterSubject, limit: checkLedgerLimit(limit) })
  return rows.map(entryOf)
}

/** A page in memory at a time, and a transaction for each: what was read before cannot have changed. */
export async function checkLedger(
  read: <T>(work: (x: TenantSession) => Promise<T>) => Promise<T>,
): Promise<LedgerCheck> {
  const checked: LedgerCheck = { entryCount: 0, head: ledgerStart }
  for (;;) {
    const page = { afterSeq: checked.entryCount, limit: ledgerPageRowsMax }
    const rows = await read((x) => x.all('listLedger', page))
    for (const row of rows) {
      const reason = problemOf(row, checked)
      if (reason !== undefined) return { ...checked, damaged: { seq: row.seq, reason } }
      checked.entryCount = row.seq
      checked.head = row.hash
    }
    if (rows.length < ledgerPageRowsMax) return checked
  }
}

function problemOf(row: StoredLedgerEntry, { entryCount, head }: LedgerCheck): string | undefined {
  if (row.seq !== entryCount + 1) return `entry ${entryCount + 1} is missing before it`
  if (!isEqual(row.previous, head)) return 'it does not follow from the entry before it'
  if (!isEqual(row.hash, ledgerHash(row.previous, row.seq, row))) return 'its hash is not that of its content'
  return undefined
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function entryOf({ bytes, fields, kind, ...rest }: StoredLedgerEntry): LedgerEntry {
  const entry = { ...rest, kind: kind as LedgerKind, body: bytes }
  return fields === null ? entry : { ...entry, fields: parseJson<LedgerFields>(fields) }
}

function checkLedgerLimit(limit = pageRowsDefault): number {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new HartonomousError('ERR_USAGE', { message: `a page of ${limit} entries of the ledger` })
  }
  return Math.min(limit, ledgerPageRowsMax)
}
