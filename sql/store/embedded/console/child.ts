/**
 * The process of one query: the statement runs in a thread, and this one watches how much memory it takes. Limits of
 * SQLite's own (`hard_heap_limit`) do nothing here: Node builds it without memory statistics.
 */
import { Worker } from 'node:worker_threads'
import { errorToWire } from '#protocol/errors.ts'
import { sqlMemoryBytesMax } from '#protocol/limits.ts'
import { memoryError, type QueryJob, type QueryReply } from './query.ts'

const watchEveryMs = 20

process.once('disconnect', () => process.exit())
process.once('message', (job: QueryJob) => {
  const idleBytes = process.memoryUsage.rss()
  const say = (reply: QueryReply) => process.send?.(reply, () => process.exit())
  setInterval(() => {
    const takenBytes = process.memoryUsage.rss() - idleBytes
    if (takenBytes > sqlMemoryBytesMax) say({ error: errorToWire(memoryError(takenBytes)) })
  }, watchEveryMs)
  const thread = new Worker(new URL('./query-thread.ts', import.meta.url), { workerData: job })
  thread.once('message', say)
  thread.once('error', (error) => say({ error: errorToWire(error) }))
})
