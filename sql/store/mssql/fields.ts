/**
 * Types of all parameters and columns of the statements, by name, and the one place where values change their form on the
 * way to the server and back.
 *
 * SQL Server ignores spaces at the end of a text when it compares: `a` and `a ` would be one key. A text that ends in a
 * space, or in the mark itself, is stored with a mark behind it; no stored text ends in a space then, and the texts differ.
 */
import { HartonomousError } from '#protocol/errors.ts'
import type { ParametersOf, RowOf, StatementName } from '../statements.ts'
import type { BatchParameter, ServerRow } from './connection.ts'

/** `glob`: `*` and `?` become a pattern of LIKE. `texts`: a JSON array of texts, compared with stored ones. */
export type FieldType = 'integer' | 'text' | 'texts' | 'glob' | 'json' | 'bytes'

type KeysOf<T> = T extends unknown ? keyof T & string : never
export type FieldName = { [N in StatementName]: KeysOf<ParametersOf<N>> | KeysOf<RowOf<N>> }[StatementName]

export const fieldTypes: Readonly<Record<FieldName, FieldType>> = {
  tenantId: 'integer',
  modelPk: 'integer',
  modelId: 'text',
  architecture: 'text',
  format: 'text',
  parameterCount: 'integer',
  sizeBytes: 'integer',
  chunkCount: 'integer',
  heldChunks: 'integer',
  heldBytes: 'integer',
  origin: 'text',
  createdAtMs: 'integer',
  lastUsedAtMs: 'integer',
  atMs: 'integer',
  isPinned: 'integer',
  meta: 'json',
  indexSha256: 'bytes',
  fileIndex: 'integer',
  path: 'text',
  identity: 'text',
  extentIndex: 'integer',
  firstChunk: 'integer',
  kind: 'text',
  name: 'text',
  dtype: 'text',
  shape: 'json',
  offsetBytes: 'integer',
  root: 'bytes',
  limit: 'integer',
  chunkIndex: 'integer',
  block: 'integer',
  leaves: 'bytes',
  bits: 'bytes',
  key: 'text',
  keys: 'texts',
  layer: 'integer',
  expert: 'integer',
  layerMin: 'integer',
  layerMax: 'integer',
  keyPattern: 'glob',
  afterModelId: 'text',
  afterKey: 'text',
  componentPk: 'integer',
  componentPks: 'json',
  ordinal: 'integer',
  src: 'integer',
  dst: 'integer',
  from: 'text',
  to: 'text',
  keep: 'integer',
  publisher: 'text',
  releasePk: 'integer',
  isOwn: 'integer',
  body: 'json',
  bytes: 'bytes',
  signature: 'bytes',
  receivedFrom: 'text',
  receivedAtMs: 'integer',
  licence: 'text',
  afterPk: 'integer',
  sinceMs: 'integer',
  count: 'integer',
  leafCount: 'integer',
  fromBlock: 'integer',
  value: 'json',
  topic: 'text',
  leaseUntilMs: 'integer',
  seq: 'integer',
  seqs: 'json',
  kinds: 'json',
  expertMin: 'integer',
  expertMax: 'integer',
  sizeMin: 'integer',
  sizeMax: 'integer',
  term: 'text',
  terms: 'texts',
  all: 'texts',
  source: 'integer',
  spacePk: 'integer',
  dimension: 'integer',
  rowCount: 'integer',
  indexNumber: 'integer',
  rev: 'integer',
  revs: 'json',
  afterRev: 'integer',
  untilRev: 'integer',
  shardUid: 'text',
  vector: 'bytes',
  subject: 'text',
  fields: 'json',
  previous: 'bytes',
  hash: 'bytes',
  afterSeq: 'integer',
  beforeSeq: 'integer',
  afterSubject: 'text',
  chainPk: 'integer',
  blockNumber: 'integer',
  blockHash: 'text',
  logIndex: 'integer',
  transactionHash: 'text',
  contract: 'text',
  args: 'json',
  addresses: 'json',
  address: 'text',
  names: 'json',
  afterBlock: 'integer',
  afterIndex: 'integer',
  openJobs: 'integer',
  storedBytes: 'integer',
  jobId: 'text',
  idempotencyKey: 'text',
  idempotencyKeys: 'texts',
  requestHash: 'bytes',
  request: 'json',
  parentJobId: 'text',
  state: 'text',
  reason: 'text',
  owner: 'text',
  chargedWei: 'text',
  peerId: 'text',
  outcome: 'text',
  paidWei: 'text',
  afterJobId: 'text',
  beforeJobId: 'text',
  states: 'json',
  jobIds: 'json',
  detail: 'json',
  result: 'json',
  error: 'json',
  scopes: 'json',
  text: 'json',
  fromName: 'json',
  untilName: 'json',
  revision: 'integer',
  ownerUntilMs: 'integer',
  isCancelRequested: 'integer',
  updatedAtMs: 'integer',
  finishedAtMs: 'integer',
  eventCount: 'integer',
  attempt: 'integer',
  isHedge: 'integer',
  startedAtMs: 'integer',
  endedAtMs: 'integer',
  expiresAtMs: 'integer',
  revokedAtMs: 'integer',
  version: 'integer',
  receiptHash: 'bytes',
  checkpoint: 'bytes',
  metadata: 'bytes',
  keyId: 'text',
  holder: 'text',
  label: 'text',
  thread: 'text',
  namespace: 'text',
  checkpointId: 'text',
  beforeCheckpointId: 'text',
  parentId: 'text',
  taskId: 'text',
  channel: 'text',
  size: 'integer',
  numbers: 'json',
  vectors: 'json',
}

const mark = '\u0001'

export function parameterOf(name: FieldName, value: unknown): BatchParameter {
  return typedParameter(fieldTypes[name], value as BatchParameter['value'])
}

export function typedParameter(type: FieldType, value: BatchParameter['value']): BatchParameter {
  switch (type) {
    case 'integer':
      // As text: a driver writes numbers as 64-bit floats in places.
      return { type: 'bigint', value: value === null ? null : String(value) }
    case 'bytes':
      return { type: 'varbinary', value }
    case 'json':
      return { type: 'nvarchar', value }
    case 'text':
      return { type: 'nvarchar', value: value === null ? null : marked(String(value)) }
    case 'texts':
      return { type: 'nvarchar', value: JSON.stringify((JSON.parse(String(value)) as string[]).map(marked)) }
    case 'glob':
      return { type: 'nvarchar', value: value === null ? null : likePatternOf(String(value)) }
  }
}

/** `*` -> `%`, `?` -> `_`; what LIKE takes for special stands for itself behind the escape character `\`. */
export function likePatternOf(glob: string): string {
  return glob
    .replaceAll(/[\\%_[\]^-]/g, String.raw`\$&`)
    .replaceAll('*', '%')
    .replaceAll('?', '_')
}

/** @throws {ERR_STORE_CORRUPT} for a number beyond 2^53, or a column that no statement names. */
export function rowOf(row: ServerRow): Record<string, BatchParameter['value']> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (!Object.hasOwn(fieldTypes, name)) throw corrupt(`the column ${name} is not known`)
      return [name, typedValue(fieldTypes[name as FieldName], name, value)]
    }),
  )
}

export function typedValue(type: FieldType, name: string, value: unknown): BatchParameter['value'] {
  if (value === null || value === undefined) return null
  if (type === 'integer') {
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isSafeInteger(number)) return number
    throw corrupt(`${name} is ${String(value).slice(0, 40)}, which is no number that is exact here`)
  }
  if (type === 'bytes') {
    if (value instanceof Uint8Array) return new Uint8Array(value)
    throw corrupt(`${name} has no bytes`)
  }
  if (typeof value !== 'string') throw corrupt(`${name} is no text`)
  return type === 'text' && value.endsWith(mark) ? value.slice(0, -1) : value
}

function marked(text: string): string {
  return text.endsWith(' ') || text.endsWith(mark) ? text + mark : text
}

function corrupt(reason: string): HartonomousError {
  return new HartonomousError('ERR_STORE_CORRUPT', { reason })
}
