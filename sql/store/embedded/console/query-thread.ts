/** The thread of one query. */
import { parentPort, workerData } from 'node:worker_threads'
import { type QueryJob, runQuery } from './query.ts'

parentPort?.postMessage(runQuery(workerData as QueryJob))
