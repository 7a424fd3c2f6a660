/**
 * The one error class and the registry of its codes.
 *
 * Operating errors (a peer that is gone, a full disk, bad input) are `HartonomousError`s: callers branch on `code`, never
 * on text. Programmer errors are `node:assert` failures. Each code carries exactly its own fields, and a rule that says
 * how it maps to HTTP, to the OpenAI error type, to the exit code of a command, and what a person can do about it.
 */

/** Fields of each code. Sizes in bytes, times in milliseconds. */
export interface ErrorFields {
  // Input of the person or program that calls.
  /** `param` names the field of a request, as OpenAI's error bodies do: `messages[0].content`. */
  ERR_USAGE: { message: string; param?: string }
  ERR_ID: { kind: string; text: string }
  ERR_CONFIG: { key: string; reason: string }
  ERR_NOT_FOUND: { kind: string; id: string }
  ERR_LICENCE_REQUIRED: { file: string }
  ERR_REFUSED_BY_POLICY: { subject: string; reason: string }
  ERR_AUTH: { reason: string }
  /** `key` is a file or `wallet NAME`; neither field says anything of what is inside. */
  ERR_KEY: { key: string; reason: string }
  /** Amounts with their unit: `12.5 HART`. */
  ERR_FUNDS: { address: string; needed: string; available: string }
  // Bytes from a file or a peer.
  ERR_DECODE: { what: string; field: string; offset: number; reason: string }
  ERR_MODEL_FILE: { file: string; field: string; offset: number; reason: string }
  ERR_LIMIT: { what: string; limit: number; actual: number }
  ERR_NOT_HELD: { what: string; model: string; component?: string }
  ERR_TENSOR_TYPE: { tensor: string; dtype: string }
  // Transfer.
  ERR_PEER_UNREACHABLE: { peer: string; reason: string }
  ERR_PEER_PROTOCOL: { peer: string; reason: string }
  ERR_PEER_BUSY: { peer: string; retryAfterMs: number }
  ERR_CHUNK_NOT_HELD: { root: string; offset: number; length: number }
  ERR_CHUNK_MISMATCH: { root: string; chunk: number }
  ERR_WITHDRAWN: { file: string; reason: string }
  ERR_NO_SOURCE: { subject: string; reason: string }
  // This machine.
  ERR_DISK_FULL: { path: string; neededBytes: number }
  ERR_IO: { path: string; reason: string }
  ERR_PLEDGE_EXCEEDED: { neededBytes: number; freeBytes: number }
  ERR_NODE_RUNNING: { dataDir: string; pid: number }
  ERR_NODE_NOT_RUNNING: { dataDir: string }
  /** `where`: its URL, or the data folder in which its file was looked for. */
  ERR_COORDINATOR_NOT_RUNNING: { where: string }
  ERR_WORKER_GONE: { worker: string; reason: string }
  ERR_TIMEOUT: { what: string; timeoutMs: number }
  ERR_PORT_IN_USE: { what: string; address: string }
  ERR_RUN_INCOMPLETE: { reason: string }
  // Shard store.
  ERR_STORE_DUPLICATE: { what: string }
  ERR_STORE_CONFLICT: { reason: string }
  ERR_STORE_READONLY: { reason: string }
  ERR_STORE_FULL: { reason: string }
  ERR_STORE_CORRUPT: { reason: string }
  ERR_STORE_UNAVAILABLE: { reason: string }
  ERR_STORE_MIGRATION: { id: number; reason: string }
  // Queries.
  ERR_QUERY_INVALID: { reason: string }
  /** Running a part of a model would not give what the model gives. */
  ERR_PARTIAL_INEXACT: { what: string; reason: string; source: string }
  // Inference.
  ERR_ENGINE_UNAVAILABLE: { reason: string }
  ERR_ENGINE_CRASHED: { reason: string }
  ERR_MODEL_UNSUPPORTED: { modelId: string; reason: string }
  ERR_QUEUE_FULL: { retryAfterMs: number; depth: number }
  ERR_CONTEXT_LENGTH: { promptTokens: number; contextTokens: number }
  // Jobs.
  /** The same idempotency key came with another request. */
  ERR_IDEMPOTENCY: { key: string }
  ERR_JOB_UNFINISHED: { jobId: string; state: string }
  /** `cause` is the code with which the job ended. */
  ERR_JOB_FAILED: { jobId: string; cause: string; reason: string }
  /** Of a workflow; `cause` is the code with which the step ended. */
  ERR_STEP_FAILED: { step: string; cause: string; reason: string }
  ERR_QUOTA: { what: string; limit: number; retryAfterMs: number }
  /** The caller is known, and may not do this. */
  ERR_FORBIDDEN: { action: string; reason: string }
  // Chain. `url` is shown without path and credentials, where keys of RPC services hide.
  ERR_CHAIN_UNAVAILABLE: { url: string; reason: string }
  /** Another chain, or other contracts, than this node was told of. */
  ERR_CHAIN_WRONG: { reason: string }
  /** `error` is the contract's own error, such as `StillThawing`; its values are decimal where they are numbers. */
  ERR_CHAIN_REVERTED: { call: string; error: string; values?: Record<string, string> }
  // Payment.
  /** `peer` is who did the work, or would have. */
  ERR_UNPAID: { peer: string; reason: string }
}

export type ErrorCode = keyof ErrorFields

export interface ErrorRule {
  /** Status of an HTTP answer. */
  http: number
  /** `error.type` of an OpenAI error body. */
  openai:
    | 'invalid_request_error'
    | 'authentication_error'
    | 'permission_error'
    | 'not_found_error'
    | 'rate_limit_error'
    | 'server_error'
  /** JSON-RPC error code. */
  jsonRpc: number
  /** Exit status of a command that ends with it: 1 failed, 2 usage, 3 not running or unreachable, 4 refused by policy. */
  exit: 1 | 2 | 3 | 4
  retryable: boolean
  describe: (fields: never) => string
  /** One line that says what to do; shown as `fix:`. */
  remedy?: string
}

function rule<C extends ErrorCode>(
  http: number,
  exit: ErrorRule['exit'],
  retryable: boolean,
  describe: (fields: ErrorFields[C]) => string,
  remedy?: string,
): ErrorRule {
  const base = {
    http,
    openai: openaiType(http),
    jsonRpc: jsonRpcCode(http),
    exit,
    retryable,
    describe: describe as (fields: never) => string,
  }
  return remedy === undefined ? base : { ...base, remedy }
}

function openaiType(http: number): ErrorRule['openai'] {
  if (http === 401) return 'authentication_error'
  if (http === 403) return 'permission_error'
  if (http === 404) return 'not_found_error'
  if (http === 429) return 'rate_limit_error'
  return http < 500 ? 'invalid_request_error' : 'server_error'
}

/** -32602 is "invalid params" of JSON-RPC 2.0; -32000 to -32099 are left to the implementation. */
function jsonRpcCode(http: number): number {
  if (http === 400) return -32602
  return http === 404 ? -32004 : http < 500 ? -32001 : -32000
}

export const errorRules: { readonly [C in ErrorCode]: ErrorRule } = {
  ERR_USAGE: rule<'ERR_USAGE'>(400, 2, false, (f) => f.message),
  ERR_ID: rule<'ERR_ID'>(400, 2, false, (f) => `not a ${f.kind}: ${JSON.stringify(f.text)}`),
  ERR_CONFIG: rule<'ERR_CONFIG'>(
    400,
    2,
    false,
    (f) => `configuration ${f.key}: ${f.reason}`,
    'hart config show lists all settings; hart config set KEY VALUE changes one',
  ),
  ERR_NOT_FOUND: rule<'ERR_NOT_FOUND'>(404, 1, false, (f) => `no ${f.kind} ${f.id} here`, 'hart models ls'),
  ERR_LICENCE_REQUIRED: rule<'ERR_LICENCE_REQUIRED'>(
    400,
    2,
    false,
    (f) => `${f.file} names no licence`,
    'pass --license SPDX-ID, for example --license Apache-2.0',
  ),
  ERR_REFUSED_BY_POLICY: rule<'ERR_REFUSED_BY_POLICY'>(
    403,
    4,
    false,
    (f) => `${f.subject} is refused by this node's policy: ${f.reason}`,
    'hart config show policy',
  ),
  ERR_AUTH: rule<'ERR_AUTH'>(
    401,
    4,
    false,
    (f) => `not authorised: ${f.reason}`,
    'use the owner token of the data folder, or the URL printed by hart up',
  ),
  ERR_KEY: rule<'ERR_KEY'>(400, 2, false, (f) => `${f.key}: ${f.reason}`),
  ERR_FUNDS: rule<'ERR_FUNDS'>(
    402,
    1,
    false,
    (f) => `${f.address} has ${f.available}, and ${f.needed} are needed`,
    'hart wallet balance shows what is free, and what is where until when',
  ),
  ERR_DECODE: rule<'ERR_DECODE'>(400, 1, false, (f) => `${f.what}: ${f.field} at byte ${f.offset}: ${f.reason}`),
  ERR_MODEL_FILE: rule<'ERR_MODEL_FILE'>(
    400,
    1,
    false,
    (f) => `${f.file}: ${f.field} at byte ${f.offset}: ${f.reason}`,
    'the file is damaged or no supported model; fetch it again',
  ),
  ERR_LIMIT: rule<'ERR_LIMIT'>(413, 1, false, (f) => `${f.what}: ${f.actual} is over the limit of ${f.limit}`),
  ERR_NOT_HELD: rule<'ERR_NOT_HELD'>(
    409,
    1,
    true,
    (f) =>
      `${f.what} is not held here; hart pull ${f.model}${f.component === undefined ? '' : ` --components ${f.component}`} fetches it`,
  ),
  ERR_TENSOR_TYPE: rule<'ERR_TENSOR_TYPE'>(
    422,
    1,
    false,
    (f) => `tensor ${f.tensor} is of type ${f.dtype}, whose values cannot be decoded here`,
  ),
  ERR_PEER_UNREACHABLE: rule<'ERR_PEER_UNREACHABLE'>(
    502,
    3,
    true,
    (f) => `peer ${f.peer} cannot be reached: ${f.reason}`,
    'hart peers; hart doctor',
  ),
  ERR_PEER_PROTOCOL: rule<'ERR_PEER_PROTOCOL'>(502, 1, false, (f) => `peer ${f.peer} broke the protocol: ${f.reason}`),
  ERR_PEER_BUSY: rule<'ERR_PEER_BUSY'>(503, 1, true, (f) => `peer ${f.peer} is busy; again in ${f.retryAfterMs} ms`),
  ERR_CHUNK_NOT_HELD: rule<'ERR_CHUNK_NOT_HELD'>(
    404,
    1,
    false,
    (f) => `range ${f.offset}+${f.length} of extent ${f.root.slice(0, 12)} is not held`,
  ),
  ERR_CHUNK_MISMATCH: rule<'ERR_CHUNK_MISMATCH'>(
    502,
    1,
    true,
    (f) => `chunk ${f.chunk} of extent ${f.root.slice(0, 12)} does not match its hash`,
  ),
  ERR_WITHDRAWN: rule<'ERR_WITHDRAWN'>(
    410,
    1,
    false,
    (f) => `${f.file} was withdrawn: ${f.reason}`,
    'hart models ingest FILE hashes it again',
  ),
  ERR_NO_SOURCE: rule<'ERR_NO_SOURCE'>(
    503,
    3,
    true,
    (f) => `no source for ${f.subject}: ${f.reason}`,
    'hart peers; hart status',
  ),
  ERR_DISK_FULL: rule<'ERR_DISK_FULL'>(
    507,
    1,
    true,
    (f) => `no room at ${f.path}: ${f.neededBytes} bytes are needed`,
    'free disk space, or lower the pledge; the transfer resumes where it stopped',
  ),
  ERR_IO: rule<'ERR_IO'>(500, 1, true, (f) => `${f.path}: ${f.reason}`),
  ERR_PLEDGE_EXCEEDED: rule<'ERR_PLEDGE_EXCEEDED'>(
    507,
    1,
    false,
    (f) => `${f.neededBytes} bytes are needed, the pledge has ${f.freeBytes} left`,
    'hart config set pledge.disk SIZE',
  ),
  ERR_NODE_RUNNING: rule<'ERR_NODE_RUNNING'>(
    409,
    1,
    false,
    (f) => `a node is running already in ${f.dataDir} (pid ${f.pid})`,
    'hart status, or another --data-dir',
  ),
  ERR_NODE_NOT_RUNNING: rule<'ERR_NODE_NOT_RUNNING'>(
    503,
    3,
    true,
    (f) => `no node is running in ${f.dataDir}`,
    'hart up',
  ),
  ERR_COORDINATOR_NOT_RUNNING: rule<'ERR_COORDINATOR_NOT_RUNNING'>(
    503,
    3,
    true,
    (f) => `no coordinator answers at ${f.where}`,
    'hart coordinator up, or --coordinator URL for one elsewhere',
  ),
  ERR_WORKER_GONE: rule<'ERR_WORKER_GONE'>(500, 1, true, (f) => `the ${f.worker} worker is gone: ${f.reason}`),
  ERR_TIMEOUT: rule<'ERR_TIMEOUT'>(504, 1, true, (f) => `${f.what} took longer than ${f.timeoutMs} ms`),
  ERR_PORT_IN_USE: rule<'ERR_PORT_IN_USE'>(
    500,
    1,
    true,
    (f) => `${f.what}: ${f.address} is in use by another program, perhaps another node`,
    'stop it, or choose other ports: hart up --api-port 0 --listen /ip4/127.0.0.1/tcp/0',
  ),
  ERR_RUN_INCOMPLETE: rule<'ERR_RUN_INCOMPLETE'>(500, 1, true, (f) => `the run was not what it should be: ${f.reason}`),
  ERR_STORE_DUPLICATE: rule<'ERR_STORE_DUPLICATE'>(409, 1, false, (f) => `${f.what} exists already`),
  ERR_STORE_CONFLICT: rule<'ERR_STORE_CONFLICT'>(409, 1, true, (f) => `the shard database was busy: ${f.reason}`),
  ERR_STORE_READONLY: rule<'ERR_STORE_READONLY'>(500, 1, false, (f) => `the shard database is read-only: ${f.reason}`),
  ERR_STORE_FULL: rule<'ERR_STORE_FULL'>(
    507,
    1,
    true,
    (f) => `the shard database is full: ${f.reason}`,
    'free disk space',
  ),
  ERR_STORE_CORRUPT: rule<'ERR_STORE_CORRUPT'>(
    500,
    1,
    false,
    (f) => `the shard database is damaged: ${f.reason}`,
    'move shard.db away, keep it for its ledger, and start again: files are adopted anew by their hashes',
  ),
  ERR_STORE_UNAVAILABLE: rule<'ERR_STORE_UNAVAILABLE'>(
    503,
    1,
    true,
    (f) => `the shard database does not answer: ${f.reason}`,
  ),
  ERR_STORE_MIGRATION: rule<'ERR_STORE_MIGRATION'>(
    500,
    1,
    false,
    (f) => `migration ${f.id}: ${f.reason}`,
    'use the version of hartonomous that wrote this database, or a newer one',
  ),
  ERR_QUERY_INVALID: rule<'ERR_QUERY_INVALID'>(400, 2, false, (f) => `the query cannot be answered: ${f.reason}`),
  ERR_PARTIAL_INEXACT: rule<'ERR_PARTIAL_INEXACT'>(
    422,
    4,
    false,
    (f) => `${f.what} is not run: ${f.reason} (${f.source})`,
    'run the whole model: hart run MODEL; or look at the part: hart query … --load',
  ),
  ERR_ENGINE_UNAVAILABLE: rule<'ERR_ENGINE_UNAVAILABLE'>(
    503,
    1,
    false,
    (f) => `no inference engine: ${f.reason}`,
    'npm install, then hart doctor',
  ),
  ERR_ENGINE_CRASHED: rule<'ERR_ENGINE_CRASHED'>(
    502,
    1,
    true,
    (f) => `the inference engine stopped: ${f.reason}`,
    'it is started again with the next request',
  ),
  ERR_MODEL_UNSUPPORTED: rule<'ERR_MODEL_UNSUPPORTED'>(
    422,
    1,
    false,
    (f) => `model ${f.modelId} cannot be run here: ${f.reason}`,
  ),
  ERR_QUEUE_FULL: rule<'ERR_QUEUE_FULL'>(
    429,
    1,
    true,
    (f) => `${f.depth} requests are waiting; again in ${f.retryAfterMs} ms`,
  ),
  ERR_IDEMPOTENCY: rule<'ERR_IDEMPOTENCY'>(
    409,
    2,
    false,
    (f) => `the idempotency key ${JSON.stringify(f.key)} came before with another request`,
    'choose a new key for a new request',
  ),
  ERR_JOB_UNFINISHED: rule<'ERR_JOB_UNFINISHED'>(
    409,
    1,
    true,
    (f) => `job ${f.jobId} is ${f.state}: there is no result yet`,
    'hart jobs watch JOB waits for it',
  ),
  ERR_JOB_FAILED: rule<'ERR_JOB_FAILED'>(410, 1, false, (f) => `job ${f.jobId} has no result: ${f.cause}: ${f.reason}`),
  ERR_STEP_FAILED: rule<'ERR_STEP_FAILED'>(422, 1, false, (f) => `step ${f.step}: ${f.reason} (${f.cause})`),
  ERR_QUOTA: rule<'ERR_QUOTA'>(429, 4, true, (f) => `${f.what}: at most ${f.limit}; again in ${f.retryAfterMs} ms`),
  ERR_FORBIDDEN: rule<'ERR_FORBIDDEN'>(403, 4, false, (f) => `${f.action} is not allowed: ${f.reason}`),
  ERR_UNPAID: rule<'ERR_UNPAID'>(402, 4, false, (f) => `peer ${f.peer} was not paid: ${f.reason}`),
  ERR_CONTEXT_LENGTH: rule<'ERR_CONTEXT_LENGTH'>(
    400,
    1,
    false,
    (f) => `the prompt has ${f.promptTokens} tokens, the context holds ${f.contextTokens}`,
    'shorten the messages',
  ),
  ERR_CHAIN_UNAVAILABLE: rule<'ERR_CHAIN_UNAVAILABLE'>(
    503,
    3,
    true,
    (f) => `the chain at ${f.url} cannot be used: ${f.reason}`,
    'hart chain status',
  ),
  ERR_CHAIN_WRONG: rule<'ERR_CHAIN_WRONG'>(409, 1, false, (f) => `this is not the expected chain: ${f.reason}`),
  ERR_CHAIN_REVERTED: rule<'ERR_CHAIN_REVERTED'>(
    422,
    1,
    false,
    (f) => `${f.call} is refused: ${f.error}${describeValues(f.values)}`,
  ),
}

function describeValues(values: Record<string, string> | undefined): string {
  const pairs = Object.entries(values ?? {})
  return pairs.length === 0 ? '' : ` (${pairs.map(([name, value]) => `${name} ${value}`).join(', ')})`
}

/** The one error class of the project. */
export class HartonomousError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'HartonomousError'
  readonly code: C
  readonly fields: ErrorFields[C]

  constructor(code: C, fields: ErrorFields[C], options?: ErrorOptions) {
    super(errorRules[code].describe(fields as never), options)
    this.code = code
    this.fields = fields
  }
}

/** Narrowing guard; with `code`, for that code only. Works across worker and package copies, because it looks at names. */
export function isHartonomousError<C extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: C,
): error is HartonomousError<C> {
  if (!(error instanceof Error) || error.name !== 'HartonomousError') return false
  const actual = (error as { code?: unknown }).code
  return typeof actual === 'string' && actual in errorRules && (code === undefined || actual === code)
}

/** A `HartonomousError` as plain data, for message ports, wire frames and HTTP bodies. */
export interface WireError {
  code: ErrorCode
  fields: Record<string, unknown>
}

export function errorToWire(error: unknown): WireError {
  if (isHartonomousError(error)) return { code: error.code, fields: { ...error.fields } }
  return {
    code: 'ERR_IO',
    fields: { path: 'internal', reason: error instanceof Error ? error.message : String(error) },
  }
}

/** An error of an unknown code, or without its fields, becomes ERR_IO: nothing that a peer sends can throw here. */
export function errorFromWire(wire: { code: string; fields: Record<string, unknown> }): HartonomousError {
  if (Object.hasOwn(errorRules, wire.code)) {
    try {
      return new HartonomousError(wire.code as ErrorCode, wire.fields as never)
    } catch {
      // The fields do not fit the code: fall through.
    }
  }
  return new HartonomousError('ERR_IO', { path: 'remote', reason: String(wire.code).slice(0, 80) })
}

/** What to do about an error, where there is something. */
export function remedyOf(error: HartonomousError): string | undefined {
  // Only models can be listed: the rule's remedy is theirs.
  if (isHartonomousError(error, 'ERR_NOT_FOUND') && error.fields.kind !== 'model') return undefined
  return errorRules[error.code].remedy
}
