/** Runs each query in a process of its own, which is killed when its time is over. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { errorFromWire, HartonomousError } from '#protocol/errors.ts'
import {
  sqlDurationMsDefault,
  sqlDurationMsMax,
  sqlPeersMax,
  sqlQueriesMax,
  sqlRowsDefault,
  sqlRowsMax,
  sqlTextBytesMax,
} from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { ConsoleAnswer, ConsoleOptions, ConsoleRequest, ShardConsole } from '../../../console/types.ts'
import type { QueryJob, QueryReply } from './query.ts'

/** Heap of JavaScript in the child: it holds one answer, twice while it is sent. */
const childHeapMiB = 128
const retryAfterMs = second

/**
 * @example
 * const console = openShardConsole({ path: '/data/shard.db', tenant: 'local:owner' })
 * await console.run({ sql: 'select count(*) from component' }, signal)
 */
export function openShardConsole(options: ConsoleOptions): ShardConsole {
  let running = 0
  return {
    async run(request, signal) {
      const job = await jobOf(request, options)
      if (running >= sqlQueriesMax) throw new HartonomousError('ERR_QUEUE_FULL', { retryAfterMs, depth: running })
      running++
      try {
        return await runJob(job, timeoutMsOf(request), signal)
      } finally {
        running--
      }
    },
  }
}

async function jobOf(request: ConsoleRequest, { path, tenant, peers }: ConsoleOptions): Promise<QueryJob> {
  const { sql, rowsMax = sqlRowsDefault } = request
  const sizeBytes = Buffer.byteLength(sql)
  if (sizeBytes > sqlTextBytesMax)
    throw new HartonomousError('ERR_LIMIT', { what: 'bytes of a query', limit: sqlTextBytesMax, actual: sizeBytes })
  if (sql.trim() === '') throw new HartonomousError('ERR_QUERY_INVALID', { reason: 'it is empty' })
  const known = (await peers?.()) ?? []
  return { path, tenant, sql, rowsMax: Math.min(sqlRowsMax, Math.max(1, rowsMax)), peers: known.slice(0, sqlPeersMax) }
}

function timeoutMsOf({ timeoutMs = sqlDurationMsDefault }: ConsoleRequest): number {
  return Math.min(sqlDurationMsMax, Math.max(1, timeoutMs))
}

async function runJob(job: QueryJob, timeoutMs: number, signal: AbortSignal): Promise<ConsoleAnswer> {
  signal.throwIfAborted()
  const startedAtMs = performance.now()
  const child = forkChild(job.path)
  const { promise, resolve, reject } = Promise.withResolvers<QueryReply>()
  const timer = setTimeout(
    () => reject(new HartonomousError('ERR_TIMEOUT', { what: 'the query', timeoutMs })),
    timeoutMs,
  )
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  child.once('message', (message) => resolve(message as QueryReply))
  child.once('error', reject)
  child.once('exit', (code, by) => reject(diedError(code, by)))
  // The write fails when the child has died: its exit says why.
  child.send(job, () => {})
  try {
    const reply = await promise
    if ('error' in reply) throw errorFromWire(reply.error)
    return { ...reply.answer, durationMs: Math.round(performance.now() - startedAtMs) }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    child.kill('SIGKILL')
  }
}

/** The child may read the program and the database, and write, start and load nothing else: a fence behind the guard. */
function forkChild(databasePath: string): ChildProcess {
  const programFolder = fileURLToPath(new URL('../../../../', import.meta.url))
  const permissions = [
    '--permission',
    '--allow-worker',
    `--allow-fs-read=${programFolder}`,
    `--allow-fs-read=${databasePath}*`,
  ]
  return fork(new URL('./child.ts', import.meta.url), {
    execArgv: ['--no-warnings', `--max-old-space-size=${childHeapMiB}`, ...permissions],
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
}

function diedError(code: number | null, by: string | null): HartonomousError {
  return new HartonomousError('ERR_WORKER_GONE', { worker: 'query', reason: by ?? `exit ${code}` })
}
