/** The views that queries may read: names and columns are promises, the tables beneath them are not. */

export interface ViewColumn {
  name: string
  type: 'text' | 'integer' | 'real' | 'json'
  meaning: string
}

export interface ShardView {
  name: string
  meaning: string
  columns: readonly ViewColumn[]
}

const text = (name: string, meaning: string): ViewColumn => ({ name, type: 'text', meaning })
const integer = (name: string, meaning: string): ViewColumn => ({ name, type: 'integer', meaning })
const real = (name: string, meaning: string): ViewColumn => ({ name, type: 'real', meaning })
const json = (name: string, meaning: string): ViewColumn => ({ name, type: 'json', meaning })

const modelId = text('model_id', 'content id of the model')

export const shardViews: readonly ShardView[] = [
  {
    name: 'model',
    meaning: 'models of which this node knows the content',
    columns: [
      modelId,
      text('architecture', '`llama`, `qwen3`, …'),
      text('format', '`gguf`'),
      integer('parameter_count', 'weights'),
      integer('size_bytes', 'all files together'),
      integer('chunk_count', 'units of verification, 1 MiB each'),
      text('origin', '`ingest`: a file of the owner; `fetch`: from peers'),
      integer('is_pinned', '1: never evicted'),
      integer('created_at_ms', 'since the epoch'),
      integer('last_used_at_ms', 'since the epoch'),
      json('meta', 'metadata of the file; long arrays are replaced by their length'),
    ],
  },
  {
    name: 'holding',
    meaning: 'how much of each model is here',
    columns: [
      modelId,
      integer('held_chunks', 'verified and on disk'),
      integer('chunk_count', 'of the model'),
      integer('held_bytes', 'verified and on disk'),
      integer('size_bytes', 'of the model'),
      integer('is_complete', '1: every chunk'),
    ],
  },
  {
    name: 'release',
    meaning: 'signed statements that a publisher offers a model under a name and a licence',
    columns: [
      modelId,
      text('publisher', 'peer id of who signed'),
      text('name', 'not unique: publishers choose names freely'),
      text('licence', 'SPDX identifier'),
      integer('created_at_ms', 'as the publisher says'),
      text('received_from', 'peer id'),
      integer('received_at_ms', 'since the epoch'),
      integer('is_own', '1: signed by this node'),
      json('body', 'the whole release'),
    ],
  },
  {
    name: 'component',
    meaning: 'parts of models: embedding, attention, ffn, expert, router, norm, head, other',
    columns: [
      modelId,
      text('key', 'unique in its model: `blk.3.attention`'),
      text('kind', 'one of the above'),
      integer('layer', 'block number; null for embedding, head and the like'),
      integer('expert', 'number within its layer, or null'),
      integer('size_bytes', 'of its extents'),
      integer('parameter_count', 'weights'),
      json('meta', 'what the ingest found out'),
    ],
  },
  {
    name: 'extent',
    meaning: 'runs of bytes of model files: the header, one tensor each, gaps',
    columns: [
      modelId,
      integer('file_index', 'from 0; split models have several'),
      integer('extent_index', 'order in the file'),
      text('kind', '`header`, `tensor` or `gap`'),
      text('name', 'of the tensor, or null'),
      text('dtype', '`F16`, `Q8_0`, …, or null'),
      json('shape', 'fastest dimension first, or null'),
      integer('offset_bytes', 'in the file'),
      integer('size_bytes', 'of the run'),
      integer('first_chunk', 'index, within the model, of its first chunk'),
      text('root', 'hex BLAKE3 root; equal roots are equal bytes'),
    ],
  },
  {
    name: 'component_extent',
    meaning: 'which extents make up a component; tied weights belong to several',
    columns: [
      modelId,
      text('component_key', '`component.key`'),
      integer('ordinal', 'order in the component'),
      integer('file_index', '`extent.file_index`'),
      integer('extent_index', '`extent.extent_index`'),
    ],
  },
  {
    name: 'edge',
    meaning: 'structure of a model',
    columns: [
      modelId,
      text('source', '`component.key`'),
      text('target', '`component.key`'),
      text('kind', '`next`, `contains` or `uses`'),
    ],
  },
  {
    name: 'peer',
    meaning: 'peers that are connected now',
    columns: [
      text('peer_id', ''),
      text('direction', '`inbound` or `outbound`'),
      integer('connected_for_ms', ''),
      integer('rtt_ms', 'round trip, or null'),
      text('region', 'as the peer says, or null'),
      text('version', 'as the peer says, or null'),
      real('load', '0 to 1, as the peer says, or null'),
      json('models', 'what the peer says it holds: array of `{modelId, heldChunks, chunkCount, canInfer}`'),
    ],
  },
  {
    name: 'receipt',
    meaning: 'signed statements of work done, from the ledger',
    columns: [
      integer('seq', 'number of the entry in the ledger'),
      text('job', 'hex, chosen by the requester'),
      integer('attempt', 'counts up when the same job is done anew'),
      text('kind', '`chunk` or `infer`'),
      modelId,
      text('role', '`signed`: this node did the work; `received`: it was done for this node'),
      text('requester', 'address of who asked'),
      text('node', 'address of who did the work'),
      integer('bytes', 'of chunks sent'),
      integer('prompt_tokens', 'read'),
      integer('completion_tokens', 'written'),
      text('due_wei', 'what the work costs, exact: 10^18 wei are one HART'),
      integer('finished_at', 'seconds since the epoch, as signed'),
      integer('at_ms', 'since the epoch: when it was written down here'),
    ],
  },
  {
    name: 'job',
    meaning: 'requests for work of which there are receipts',
    columns: [
      text('job', '`receipt.job`'),
      text('kind', '`chunk` or `infer`'),
      modelId,
      integer('receipts', 'of all attempts and nodes'),
      integer('nodes', 'that did a part of the work'),
      integer('bytes', 'of chunks sent'),
      integer('prompt_tokens', 'read'),
      integer('completion_tokens', 'written'),
      real('due_hart', 'what the work costs, to 15 digits'),
      integer('finished_at', 'seconds since the epoch: of the last part'),
    ],
  },
  {
    name: 'coordinator_job',
    meaning: 'jobs that were submitted to the coordinator; `job` shows work that was receipted',
    columns: [
      text('job_id', 'UUID; sorts by time'),
      text('kind', '`chat`, `completion`, `embedding`, `pull`, `batch` or `workflow`'),
      text('state', 'a phase, `waiting`, or the end: `succeeded`, `failed`, `cancelled`'),
      text('reason', 'why it is there'),
      text('parent_job_id', 'of an item of a batch or a step of a workflow, or null'),
      text('idempotency_key', 'chosen by who submitted it, or null'),
      text('owner', 'the coordinator that works on it, or null'),
      integer('is_cancel_requested', '1: somebody asked for its end'),
      integer('created_at_ms', 'since the epoch'),
      integer('updated_at_ms', 'since the epoch'),
      integer('finished_at_ms', 'since the epoch, or null'),
      integer('event_count', 'events so far'),
      text('charged_wei', 'exact: 10^18 wei are one HART'),
      json('detail', 'phases, and what else the coordinator keeps of it'),
      json('error', 'of a job that did not succeed, or null'),
    ],
  },
  {
    name: 'job_attempt',
    meaning: 'tries of jobs on nodes; at most one of a job has won',
    columns: [
      text('job_id', '`coordinator_job.job_id`'),
      integer('attempt', 'number within its job'),
      text('peer_id', 'of the node; `self` for the own one of the coordinator'),
      integer('is_hedge', '1: a second node, asked because the first was slow'),
      integer('started_at_ms', 'since the epoch'),
      integer('ended_at_ms', 'since the epoch, or null'),
      text('outcome', '`won`, `lost`, `failed`, `cancelled`, or null while it runs'),
      text('paid_wei', 'exact: 10^18 wei are one HART'),
      text('receipt_hash', 'hex SHA-256 of the signed receipt, or null'),
      json('detail', 'blame, error, tokens and times'),
    ],
  },
]
