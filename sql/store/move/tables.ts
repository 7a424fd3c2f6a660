/** The tables of a shard as a move sees them: in the order in which rows may be written, each with its key. */

export type ColumnType = 'integer' | 'text' | 'json' | 'bytes'
export type MovedValue = string | number | Uint8Array | null
export type MovedRow = Record<string, MovedValue>

export interface MovedTable {
  name: string
  columns: Readonly<Record<string, ColumnType>>
  /** Unique, and the order in which rows are read. */
  key: readonly string[]
  /** The column whose numbers the engine gives; a move keeps them. */
  numbered?: string
  /** Rows read and written at a time: some MiB at most. */
  batchRows: number
}

const integers = <const N extends string>(...names: N[]) =>
  Object.fromEntries(names.map((name) => [name, 'integer' as const])) as Record<N, 'integer'>
const texts = <const N extends string>(...names: N[]) =>
  Object.fromEntries(names.map((name) => [name, 'text' as const])) as Record<N, 'text'>

const small = 500
const modelKey = integers('tenant_id', 'model_pk')
const componentColumns = {
  ...texts('key', 'kind'),
  ...integers('layer', 'expert', 'size_bytes', 'parameter_count'),
  meta: 'json',
} as const

export const movedTables: readonly MovedTable[] = [
  {
    name: 'tenant',
    columns: { ...integers('tenant_id'), ...texts('name') },
    key: ['tenant_id'],
    numbered: 'tenant_id',
    batchRows: small,
  },
  {
    name: 'model',
    columns: {
      ...modelKey,
      ...texts('model_id', 'architecture', 'format', 'origin'),
      ...integers('parameter_count', 'size_bytes', 'chunk_count', 'created_at_ms', 'last_used_at_ms', 'is_pinned'),
      meta: 'json',
      index_sha256: 'bytes',
    },
    key: ['tenant_id', 'model_pk'],
    numbered: 'model_pk',
    batchRows: 16,
  },
  {
    name: 'model_file',
    columns: { ...modelKey, ...integers('file_index', 'size_bytes'), ...texts('path', 'origin', 'identity') },
    key: ['tenant_id', 'model_pk', 'file_index'],
    batchRows: small,
  },
  {
    name: 'extent',
    columns: {
      ...modelKey,
      ...integers('file_index', 'extent_index', 'first_chunk', 'offset_bytes', 'size_bytes'),
      ...texts('kind', 'name', 'dtype'),
      shape: 'json',
      root: 'bytes',
    },
    key: ['tenant_id', 'model_pk', 'file_index', 'extent_index'],
    batchRows: small,
  },
  {
    name: 'leaf',
    columns: { ...modelKey, ...integers('block'), leaves: 'bytes' },
    key: ['tenant_id', 'model_pk', 'block'],
    batchRows: 8,
  },
  {
    name: 'holding',
    columns: { ...modelKey, bits: 'bytes', ...integers('held_chunks', 'held_bytes') },
    key: ['tenant_id', 'model_pk'],
    batchRows: 32,
  },
  {
    name: 'component',
    columns: { ...integers('component_pk'), ...modelKey, ...componentColumns, ...integers('since_ms') },
    key: ['tenant_id', 'component_pk'],
    numbered: 'component_pk',
    batchRows: small,
  },
  {
    name: 'component_extent',
    columns: integers('tenant_id', 'component_pk', 'ordinal', 'file_index', 'extent_index'),
    key: ['tenant_id', 'component_pk', 'ordinal'],
    batchRows: small,
  },
  {
    name: 'edge',
    columns: { ...integers('tenant_id', 'src', 'dst'), ...texts('kind') },
    key: ['tenant_id', 'src', 'kind', 'dst'],
    batchRows: small,
  },
  {
    name: 'component_history',
    columns: {
      ...integers('history_pk', 'component_pk', 'valid_from_ms', 'valid_to_ms'),
      ...modelKey,
      ...componentColumns,
    },
    key: ['tenant_id', 'history_pk'],
    numbered: 'history_pk',
    batchRows: small,
  },
  {
    name: 'release',
    columns: {
      ...integers('release_pk', 'tenant_id', 'created_at_ms', 'is_own', 'received_at_ms'),
      ...texts('model_id', 'publisher', 'name', 'received_from'),
      body: 'json',
      bytes: 'bytes',
      signature: 'bytes',
    },
    key: ['tenant_id', 'release_pk'],
    numbered: 'release_pk',
    batchRows: 100,
  },
  {
    name: 'ingest_checkpoint',
    columns: { ...integers('tenant_id', 'leaf_count', 'updated_at_ms'), ...texts('path', 'identity') },
    key: ['tenant_id', 'path'],
    batchRows: small,
  },
  {
    name: 'ingest_leaf',
    columns: { ...integers('tenant_id', 'block'), ...texts('path'), leaves: 'bytes' },
    key: ['tenant_id', 'path', 'block'],
    batchRows: 8,
  },
  {
    name: 'setting',
    columns: { ...integers('tenant_id'), ...texts('key'), value: 'json' },
    key: ['tenant_id', 'key'],
    batchRows: 100,
  },
  {
    name: 'outbox',
    columns: { ...integers('seq', 'tenant_id', 'at_ms', 'lease_until_ms'), ...texts('topic'), body: 'json' },
    key: ['tenant_id', 'seq'],
    numbered: 'seq',
    batchRows: small,
  },
  {
    // An entry follows from the one before it: the engines look, and refuse any other order.
    name: 'ledger',
    columns: {
      ...integers('tenant_id', 'seq', 'at_ms'),
      ...texts('kind', 'subject'),
      ...{ body: 'bytes', fields: 'json', previous: 'bytes', hash: 'bytes' },
    },
    key: ['tenant_id', 'seq'],
    batchRows: small,
  },
  {
    name: 'chain',
    columns: { ...integers('chain_pk', 'tenant_id', 'block_number'), ...texts('name', 'block_hash') },
    key: ['tenant_id', 'chain_pk'],
    numbered: 'chain_pk',
    batchRows: small,
  },
  {
    name: 'chain_event',
    columns: {
      ...integers('tenant_id', 'chain_pk', 'block_number', 'log_index'),
      ...texts('block_hash', 'transaction_hash', 'contract', 'name'),
      ...{ args: 'json', addresses: 'json' },
    },
    key: ['tenant_id', 'chain_pk', 'block_number', 'log_index'],
    batchRows: small,
  },
  {
    name: 'chain_event_address',
    columns: { ...integers('tenant_id', 'chain_pk', 'block_number', 'log_index'), ...texts('address') },
    key: ['tenant_id', 'chain_pk', 'address', 'block_number', 'log_index'],
    batchRows: small,
  },
  {
    // A result may be some MiB long, and a request.
    name: 'job',
    columns: {
      ...integers('tenant_id', 'created_at_ms', 'revision', 'owner_until_ms', 'is_cancel_requested', 'updated_at_ms'),
      ...integers('finished_at_ms', 'size_bytes', 'event_count'),
      ...texts('job_id', 'kind', 'idempotency_key', 'parent_job_id', 'state', 'reason', 'owner', 'charged_wei'),
      ...{ request_hash: 'bytes', detail: 'json', result: 'json', error: 'json' },
    },
    key: ['tenant_id', 'job_id'],
    batchRows: 8,
  },
  {
    name: 'job_request',
    columns: { ...integers('tenant_id'), ...texts('job_id'), request: 'json' },
    key: ['tenant_id', 'job_id'],
    batchRows: 8,
  },
  {
    name: 'job_attempt',
    columns: {
      ...integers('tenant_id', 'attempt', 'is_hedge', 'started_at_ms', 'ended_at_ms'),
      ...texts('job_id', 'peer_id', 'outcome', 'paid_wei'),
      ...{ detail: 'json', receipt_hash: 'bytes' },
    },
    key: ['tenant_id', 'job_id', 'attempt'],
    batchRows: 100,
  },
  {
    name: 'job_event',
    columns: { ...integers('tenant_id', 'seq', 'at_ms'), ...texts('job_id'), body: 'json' },
    key: ['tenant_id', 'job_id', 'seq'],
    batchRows: 100,
  },
  {
    name: 'api_key',
    columns: {
      ...integers('tenant_id', 'created_at_ms', 'expires_at_ms', 'revoked_at_ms', 'last_used_at_ms'),
      ...texts('key_id', 'holder', 'label'),
      ...{ hash: 'bytes', scopes: 'json' },
    },
    key: ['tenant_id', 'key_id'],
    batchRows: small,
  },
  {
    name: 'document',
    columns: { ...integers('tenant_id', 'created_at_ms'), hash: 'bytes', text: 'json' },
    key: ['tenant_id', 'hash'],
    batchRows: 16,
  },
  {
    name: 'document_name',
    columns: { ...integers('tenant_id', 'version', 'at_ms'), ...texts('name'), hash: 'bytes' },
    key: ['tenant_id', 'name', 'version'],
    batchRows: small,
  },
  {
    name: 'tenant_total',
    columns: integers('tenant_id', 'open_jobs', 'stored_bytes'),
    key: ['tenant_id'],
    batchRows: small,
  },
  {
    name: 'thread_checkpoint',
    columns: {
      ...integers('tenant_id', 'size_bytes'),
      ...texts('thread', 'namespace', 'checkpoint_id', 'parent_id'),
      ...{ body: 'bytes', metadata: 'bytes' },
    },
    key: ['tenant_id', 'thread', 'namespace', 'checkpoint_id'],
    batchRows: 8,
  },
  {
    name: 'thread_write',
    columns: {
      ...integers('tenant_id', 'ordinal'),
      ...texts('thread', 'namespace', 'checkpoint_id', 'task_id', 'channel'),
      value: 'bytes',
    },
    key: ['tenant_id', 'thread', 'namespace', 'checkpoint_id', 'task_id', 'ordinal'],
    batchRows: 8,
  },
  {
    name: 'search_term',
    columns: { ...integers('tenant_id', 'source'), ...texts('term', 'model_id') },
    key: ['tenant_id', 'term', 'model_id', 'source'],
    batchRows: small,
  },
  {
    // `row_count` is counted by the rows that come.
    name: 'space',
    columns: { ...integers('space_pk', 'tenant_id', 'dimension', 'index_number'), ...texts('name') },
    key: ['tenant_id', 'space_pk'],
    numbered: 'space_pk',
    batchRows: small,
  },
  {
    name: 'embedding',
    columns: { ...integers('rev', 'tenant_id', 'space_pk', 'component_pk'), vector: 'bytes' },
    key: ['tenant_id', 'space_pk', 'rev'],
    batchRows: small,
  },
]
