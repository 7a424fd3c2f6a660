/**
 * What the API of a coordinator costs over a bare route of fastify: the real executable and the baseline each in a process,
 * the callers in another, in turns.
 *   npm run bench -- api [--rounds 5] [--round-ms 1000]
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dataFiles } from '#node/config/index.ts'
import type { BareRequest } from './api/bare.ts'
import type { Sent } from './api/connection.ts'
import { type RunningCoordinator, startCoordinator } from './api/coordinator.ts'
import type { LoadRequest, LoadResult, WatchResult } from './api/load.ts'
import { snapshotMs } from './api/snapshot.ts'
import type { Bench } from './main.ts'
import { Child } from './multi-source/child.ts'
import { ratioInterval } from './payment/interval.ts'

/** Enough to keep a server busy, few enough that the callers are not what is measured. */
const connections = 32
const manyClients = 200
const submitters = 64
const readers = 1000
const watched = { readers, jobs: 20, everyMs: 200 }
const snapshotNodes = 10_000
const limitMs = 10 * 60_000

export const bench: Bench = {
  name: 'api',
  describe: "reads, queries, submits and event streams of a coordinator's API, reads against a bare fastify route",
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: { rounds: { type: 'string', default: '5' }, 'round-ms': { type: 'string', default: '1000' } },
    })
    const folder = await mkdtemp(join(tmpdir(), 'hart-bench-api-'))
    try {
      return await measure({ folder, rounds: Number(values.rounds), roundMs: Number(values['round-ms']), log })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

interface Measurement {
  folder: string
  rounds: number
  roundMs: number
  log: (line: string) => void
}

async function measure({ folder, rounds, roundMs, log }: Measurement): Promise<Record<string, number>> {
  const snapshot = await snapshotMs(snapshotNodes)
  log(`a snapshot of ${snapshotNodes} nodes: ${snapshot.snapshotMs.toFixed(0)} ms`)
  const [bare, load, reading] = [
    new Child<BareRequest>('../api/bare.ts'),
    new Child<LoadRequest>('../api/load.ts'),
    new Child<LoadRequest>('../api/load.ts'),
  ]
  let coordinator: RunningCoordinator | undefined
  try {
    coordinator = await startCoordinator(folder, AbortSignal.timeout(limitMs))
    const token = (await readFile(dataFiles.ownerToken(join(folder, 'coordinator')), 'utf8')).trim()
    const { url } = coordinator
    const ask = (sent: Sent[], callers: number, forMs: number, by = load, of = url) =>
      by.ask<LoadResult>({ type: 'ask', url: of, token, sent, connections: callers, forMs })
    const reads = readsOf(coordinator)
    const shares = await sharesOfBare({ bare, reads, ask, rounds, roundMs, log })

    const { msP95: readMsP95 } = await ask(Object.values(reads), manyClients, 3 * roundMs)
    log(`${manyClients} readers: p95 ${readMsP95.toFixed(1)} ms`)
    const query: Sent = { method: 'POST', path: '/api/v1/query', body: { text: 'kind:ffn layer:0-1', scope: 'local' } }
    const queries = await ask([query], connections, 3 * roundMs)
    log(`${perSecond(queries)} queries a second, ${queries.bodyBytes} bytes each`)
    // Before there are many jobs. Other readers go on meanwhile.
    const submit = submitOf(coordinator)
    const [watching, beside] = await Promise.all([
      load.ask<WatchResult>({ type: 'watch', url, token, ...watched, submit }),
      ask(Object.values(reads), connections, watched.jobs * watched.everyMs, reading),
    ])
    log(`${readers} event streams: p95 ${watching.msP95.toFixed(0)} ms, ${watching.missed} events missed`)
    const fromMany = await ask([submit], submitters, 3 * roundMs)
    const fromOne = await ask([submit], 1, 3 * roundMs)
    log(`${perSecond(fromMany)} submits a second from ${submitters} callers, ${perSecond(fromOne)} from one`)
    return {
      ...shares,
      readMsP95: round(readMsP95),
      queriesPerSecond: perSecond(queries),
      submitsPerSecond: perSecond(fromMany),
      submitsPerSecondFromOne: perSecond(fromOne),
      sseReaders: watching.readers,
      sseMsP50: round(watching.msP50),
      sseMsP95: round(watching.msP95),
      sseMissed: watching.missed,
      readsPerSecondBesideSse: perSecond(beside),
      snapshotMs: round(snapshot.snapshotMs),
      snapshotMiB: round(snapshot.snapshotMiB),
    }
  } finally {
    await Promise.all([bare.stop(), load.stop(), reading.stop()])
    await coordinator?.stop()
  }
}

function readsOf({ peerId, jobId }: RunningCoordinator) {
  return {
    Nodes: { method: 'GET', path: '/api/v1/nodes' },
    Node: { method: 'GET', path: `/api/v1/nodes/${peerId}` },
    Job: { method: 'GET', path: `/api/v1/jobs/${jobId}` },
    Snapshot: { method: 'GET', path: '/api/v1/network/snapshot' },
  } satisfies Record<string, Sent>
}

/** One that is kept and then waits: no node is in that region. What is measured is the API and the store, and no model. */
function submitOf({ model }: RunningCoordinator): Sent {
  const work = { kind: 'chat', model, messages: [{ role: 'user', content: 'What is Hartonomous?' }], maxTokens: 8 }
  return { method: 'POST', path: '/api/v1/jobs', body: { work, terms: { regions: ['AQ'] } } }
}

interface Comparison {
  bare: Child<BareRequest>
  reads: ReturnType<typeof readsOf>
  ask: (sent: Sent[], callers: number, forMs: number, by?: Child<LoadRequest>, of?: string) => Promise<LoadResult>
  rounds: number
  roundMs: number
  log: (line: string) => void
}

/** Each route against as long a body, in turns; the first round is for the compilers. */
async function sharesOfBare({ bare, reads, ask, rounds, roundMs, log }: Comparison): Promise<Record<string, number>> {
  const names = Object.keys(reads) as (keyof typeof reads)[]
  const lengths: number[] = []
  for (const name of names) lengths.push(Math.round((await ask([reads[name]], 1, 50)).bodyBytes))
  const bareUrl = await bare.ask<string>({ bodyBytes: lengths })
  const ratios = new Map<string, number[]>(names.map((name) => [name, []]))
  for (let turn = 0; turn <= rounds; turn++) {
    for (const [at, name] of names.entries()) {
      const real = () => ask([reads[name]], connections, roundMs)
      const base = () => ask([{ method: 'GET', path: `/${lengths[at]}` }], connections, roundMs, undefined, bareUrl)
      const [first, second] = turn % 2 === 0 ? [real, base] : [base, real]
      const results = [await first(), await second()] as const
      const [ofReal, ofBare] = turn % 2 === 0 ? results : [results[1], results[0]]
      if (turn > 0) ratios.get(name)!.push(perSecond(ofReal) / perSecond(ofBare))
      log(`round ${turn}, ${name} (${lengths[at]} bytes): ${perSecond(ofReal)} a second, bare ${perSecond(ofBare)}`)
    }
  }
  const all = names.map((name) => ratioInterval(ratios.get(name)!).ratio)
  return {
    readShareOfBare: round(ratioInterval(all).ratio),
    ...Object.fromEntries(names.map((name, at) => [`readShareOfBare${name}`, round(all[at]!)])),
  }
}

const perSecond = ({ count, seconds }: LoadResult) => Math.round(count / seconds)
const round = (value: number) => Number(value.toPrecision(3))
