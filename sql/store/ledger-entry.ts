/** One entry of the ledger: what is checked of it before it is written, and the hash that binds it to the one before. */
import { blake3 } from '#protocol/codec/blake3.ts'
import {
  ledgerBodyBytesMax,
  ledgerEntriesPerAppendMax,
  ledgerFieldsBytesMax,
  ledgerSubjectBytesMax,
} from '#protocol/limits.ts'
import { atMost, wrong } from './bounds.ts'
import { canonicalJson } from './canonical-json.ts'

/**
 * `voucher-received`, `voucher-signed`: promises to us, and ours. `receipt-signed`, `receipt-received`: of work that we did,
 * and that was done for us. `claim`: what was settled on a chain. `work`: done for nobody's pay. `decision`: what a
 * policy said, in the audit log of a constitution.
 */
export type LedgerKind =
  | 'voucher-received'
  | 'voucher-signed'
  | 'receipt-signed'
  | 'receipt-received'
  | 'claim'
  | 'work'
  | 'decision'

const ledgerKindSet: Readonly<Record<LedgerKind, true>> = {
  'voucher-received': true,
  'voucher-signed': true,
  'receipt-signed': true,
  'receipt-received': true,
  claim: true,
  work: true,
  decision: true,
}
export const ledgerKinds = Object.keys(ledgerKindSet) as LedgerKind[]

/**
 * What queries can read of an entry. The views `receipt` and `job` show of a receipt: `job`, `attempt`, `kind` (`chunk` or
 * `infer`), `model_id`, `requester`, `node`, `bytes`, `prompt_tokens`, `completion_tokens`, `due_wei` (decimal digits),
 * `finished_at` (seconds since 1970).
 */
export type LedgerFields = Record<string, string | number | boolean>

export interface LedgerAppend {
  kind: LedgerKind
  /** Who or what it is about, for look-ups: a job, a channel. */
  subject: string
  /** Opaque to the store, up to `ledgerBodyBytesMax`. */
  body: Uint8Array
  atMs: number
  fields?: LedgerFields
}

export interface LedgerEntry extends LedgerAppend {
  /** Of its tenant: 1, 2, 3 and so on, without gaps. */
  seq: number
  /** `hash` of the entry before it; 32 zeros in the first one. */
  previous: Uint8Array
  /** 32 bytes: see `ledgerHash`. */
  hash: Uint8Array
}

export interface LedgerFilter {
  /** One of these; empty or absent: any. */
  kinds?: readonly LedgerKind[]
  subject?: string
  /** The entry with which the previous page ended. */
  afterSeq?: number
  /** 100 unless given, 1000 at most. */
  limit?: number
  newestFirst?: boolean
}

export interface LedgerCheck {
  /** From the first on, those that fit. */
  entryCount: number
  /** `hash` of the last of them, 32 zeros where there is none: whoever wrote it down elsewhere sees whether entries are gone. */
  head: Uint8Array
  /** The first that does not fit. */
  damaged?: { seq: number; reason: string }
}

/** An entry without its place, in the form in which it is stored. */
export interface LedgerRow {
  kind: string
  subject: string
  bytes: Uint8Array
  /** Canonical JSON. */
  fields: string | null
  atMs: number
}

const label = Buffer.from('hartonomous/ledger/1')
export const ledgerStart: Uint8Array = new Uint8Array(32)

/**
 * BLAKE3(`hartonomous/ledger/1` ‖ previous ‖ seq u64le ‖ atMs u64le ‖ kind ‖ subject ‖ body ‖ fields), the last four each
 * behind its length in bytes (u32le). Fields are their canonical JSON; an entry without any has no bytes there.
 */
export function ledgerHash(previous: Uint8Array, seq: number, row: LedgerRow): Uint8Array {
  const numbers = Buffer.alloc(16)
  numbers.writeBigUInt64LE(BigInt(seq))
  numbers.writeBigUInt64LE(BigInt(row.atMs), 8)
  const parts: Uint8Array[] = [label, previous, numbers]
  for (const part of [Buffer.from(row.kind), Buffer.from(row.subject), row.bytes, Buffer.from(row.fields ?? '')]) {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(part.length)
    parts.push(length, part)
  }
  // At once: many small parts cost more than their hash.
  return blake3(Buffer.concat(parts))
}

/** @throws {ERR_USAGE} {ERR_LIMIT} naming what is wrong. */
export function ledgerRowsOf(entries: readonly LedgerAppend[]): LedgerRow[] {
  atMost('entries of one append to the ledger', entries.length, ledgerEntriesPerAppendMax)
  return entries.map(({ kind, subject, body, atMs, fields }) => {
    if (!Object.hasOwn(ledgerKindSet, kind)) throw wrong(`the ledger has no entries of kind ${JSON.stringify(kind)}`)
    if (subject === '' || !subject.isWellFormed()) throw wrong('the subject of an entry is empty, or no valid text')
    if (!Number.isSafeInteger(atMs) || atMs < 0) throw wrong(`an entry at ${atMs}`)
    atMost('bytes of the subject of an entry', Buffer.byteLength(subject), ledgerSubjectBytesMax)
    atMost('bytes of an entry', body.length, ledgerBodyBytesMax)
    return { kind, subject, bytes: body, atMs, fields: fields === undefined ? null : fieldsText(fields) }
  })
}

function fieldsText(fields: LedgerFields): string {
  for (const [name, value] of Object.entries(fields)) {
    const isPlain = typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
    if (!isPlain) throw wrong(`the field ${name} of an entry is no text, number or boolean`)
  }
  const text = canonicalJson(fields)
  atMost('bytes of the fields of an entry', Buffer.byteLength(text), ledgerFieldsBytesMax)
  return text
}
