/**
 * The documented views over the tables of SQLite, in two layers. An inner view per table picks the tenant's rows and has a
 * name that nobody can guess; the public view on top shapes them. The guard lets tables be read through inner views only. It
 * learns of a read through which view it came, but SQLite names a common table expression in the same place: with a known
 * name, `with inner as (select * from main.setting)` would pass for the view.
 */
/** Columns that the public views need of each table. */
const innerColumns = {
  model:
    'model_pk, model_id, architecture, format, parameter_count, size_bytes, chunk_count, origin, is_pinned, created_at_ms, last_used_at_ms, meta',
  holding: 'model_pk, held_chunks, held_bytes',
  release: 'model_id, publisher, name, created_at_ms, received_from, received_at_ms, is_own, body, release_pk',
  component: 'component_pk, model_pk, key, kind, layer, expert, size_bytes, parameter_count, meta',
  extent: 'model_pk, file_index, extent_index, kind, name, dtype, shape, offset_bytes, size_bytes, first_chunk, root',
  component_extent: 'component_pk, ordinal, file_index, extent_index',
  edge: 'src, dst, kind',
  ledger: 'seq, kind, fields, at_ms',
  job: 'job_id, kind, state, reason, parent_job_id, idempotency_key, owner, is_cancel_requested, created_at_ms, updated_at_ms, finished_at_ms, event_count, charged_wei, detail, error',
  job_attempt:
    'job_id, attempt, peer_id, is_hedge, started_at_ms, ended_at_ms, outcome, paid_wei, receipt_hash, detail',
} as const

export type ShardTable = keyof typeof innerColumns
export const shardTables = Object.keys(innerColumns) as ShardTable[]

/** Names that belong to one query; `secret` is random hex. */
export function innerName(secret: string, table: ShardTable | 'peer'): string {
  return `inner_${secret}_${table}`
}

/** Statements for a connection whose `main` is the shard database, opened to read only. `tenantId` is a row number. */
export function viewStatements(secret: string, tenantId: number): string[] {
  if (!Number.isSafeInteger(tenantId)) throw new TypeError(`no tenant: ${tenantId}`)
  const inner = shardTables.map(
    (table) =>
      `create temp view ${innerName(secret, table)} as select ${innerColumns[table]} from main.${table} where tenant_id = ${tenantId}`,
  )
  return [...inner, peerTable(secret), ...publicViews((table) => innerName(secret, table))]
}

function peerTable(secret: string): string {
  return `create temp table ${innerName(secret, 'peer')}(peer_id text, direction text, connected_for_ms integer, rtt_ms integer,
    region text, version text, load real, models text)`
}

/** Of entries of the ledger: `LedgerFields` names them. */
function fields(...names: string[]): string {
  return names.map((name) => `fields ->> '$.${name}' as ${name}`).join(', ')
}

function publicViews(of: (table: ShardTable | 'peer') => string): string[] {
  const view = (name: string, body: string) => `create temp view ${name} as ${body}`
  return [
    view(
      'model',
      `select model_id, architecture, format, parameter_count, size_bytes, chunk_count, origin, is_pinned, created_at_ms,
        last_used_at_ms, meta from ${of('model')}`,
    ),
    view(
      'holding',
      `select m.model_id, h.held_chunks, m.chunk_count, h.held_bytes, m.size_bytes,
        h.held_chunks = m.chunk_count as is_complete from ${of('holding')} h join ${of('model')} m using(model_pk)`,
    ),
    view(
      'release',
      `select model_id, publisher, name, body ->> '$.licence' as licence, created_at_ms, received_from, received_at_ms,
        is_own, body from ${of('release')}`,
    ),
    view(
      'component',
      `select m.model_id, c.key, c.kind, c.layer, c.expert, c.size_bytes, c.parameter_count, c.meta
        from ${of('component')} c join ${of('model')} m using(model_pk)`,
    ),
    view(
      'extent',
      `select m.model_id, e.file_index, e.extent_index, e.kind, e.name, e.dtype, e.shape, e.offset_bytes, e.size_bytes,
        e.first_chunk, lower(hex(e.root)) as root from ${of('extent')} e join ${of('model')} m using(model_pk)`,
    ),
    view(
      'component_extent',
      `select m.model_id, c.key as component_key, x.ordinal, x.file_index, x.extent_index
        from ${of('component_extent')} x join ${of('component')} c using(component_pk) join ${of('model')} m using(model_pk)`,
    ),
    view(
      'edge',
      `select m.model_id, s.key as source, t.key as target, e.kind
        from ${of('edge')} e join ${of('component')} s on s.component_pk = e.src
        join ${of('component')} t on t.component_pk = e.dst join ${of('model')} m on m.model_pk = s.model_pk`,
    ),
    view(
      'peer',
      `select peer_id, direction, connected_for_ms, rtt_ms, region, version, load, models from ${of('peer')}`,
    ),
    view(
      'receipt',
      `select seq, ${fields('job', 'attempt', 'kind', 'model_id')},
        iif(kind = 'receipt-signed', 'signed', 'received') as role,
        ${fields('requester', 'node', 'bytes', 'prompt_tokens', 'completion_tokens', 'due_wei', 'finished_at')}, at_ms
        from ${of('ledger')} where kind in ('receipt-signed', 'receipt-received')`,
    ),
    view(
      'job',
      `select job, max(kind) as kind, max(model_id) as model_id, count(*) as receipts, count(distinct node) as nodes,
        sum(bytes) as bytes, sum(prompt_tokens) as prompt_tokens, sum(completion_tokens) as completion_tokens,
        sum(cast(due_wei as real)) / 1e18 as due_hart, max(finished_at) as finished_at
        from receipt where job is not null group by job`,
    ),
    view('coordinator_job', `select ${innerColumns.job} from ${of('job')}`),
    view(
      'job_attempt',
      `select job_id, attempt, peer_id, is_hedge, started_at_ms, ended_at_ms, outcome, paid_wei,
        nullif(lower(hex(receipt_hash)), '') as receipt_hash, detail from ${of('job_attempt')}`,
    ),
  ]
}
