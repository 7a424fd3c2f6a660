/** One file from four seeds of unequal speed: how near the fetch comes to the sum of what they can deliver. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type DataPlane, identityFromStat, startDataPlane, type TransferModel } from '#node/chunks/index.ts'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { blake3, loadBlake3 } from '#protocol/codec/blake3.ts'
import { extentRootFromBytes, type ModelId, type PeerId } from '#protocol/ids.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { formatRate, MiB } from '#protocol/units.ts'
import type { Bench } from './main.ts'
import { Child } from './multi-source/child.ts'
import type { ProxyRequest } from './multi-source/delay-proxy.ts'
import type { SeedOffer, SeedRequest } from './multi-source/seed.ts'

const seedRates = [5e6, 20e6, 50e6, 100e6]
const collapsedRate = 2e6
const collapseAfterMs = 1000
const rttMs = 60
const extentBytes = 16 * MiB
const modelId = 'bench-model' as ModelId
const clientId = 'bench-client' as PeerId
const fetchTimeoutMs = 60_000

export const bench: Bench = {
  name: 'multi-source',
  describe:
    'one file from seeds capped at 5/20/50/100 MB/s against the sum of their rates: RTT 0, RTT 60 ms, a collapse',
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: {
        runs: { type: 'string', default: '3' },
        mib: { type: 'string', default: '512' },
        // Shared memory where there is some: the disk is not what is measured.
        folder: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
      },
    })
    await loadBlake3()
    const folder = await mkdtemp(join(values.folder, 'hartonomous-bench-'))
    const swarm = new BenchSwarm(folder, log)
    try {
      await swarm.start(Number(values.mib))
      return { ...(await measure(swarm, Number(values.runs), log)), mib: Number(values.mib), folder: values.folder }
    } finally {
      await swarm.stop()
      await rm(folder, { recursive: true, force: true })
    }
  },
}

interface FetchResult {
  seconds: number
  bytes: number
  duplicateBytes: number
}

/** The parts interleaved, so that a disturbance of the machine meets all of them; medians. */
async function measure(swarm: BenchSwarm, runs: number, log: (line: string) => void) {
  const goodputs = seedRates.map((): number[] => [])
  const plain: FetchResult[] = []
  const delayed: FetchResult[] = []
  const collapsed: FetchResult[] = []
  for (let run = 1; run <= runs; run++) {
    for (const [index, rate] of seedRates.entries()) {
      const single = await swarm.fetch({ seeds: [index], rttMs: 0, chunks: Math.ceil((1.5 * rate) / chunkBytes) })
      goodputs[index]!.push(single.bytes / single.seconds)
    }
    const all = seedRates.map((_, index) => index)
    plain.push(await swarm.fetch({ seeds: all, rttMs: 0 }))
    delayed.push(await swarm.fetch({ seeds: all, rttMs }))
    collapsed.push(await swarm.fetch({ seeds: all, rttMs: 0, collapses: seedRates.length - 1 }))
    log(
      `run ${run}: ${[plain, delayed, collapsed].map((results) => `${results.at(-1)!.seconds.toFixed(2)} s`).join(', ')}`,
    )
  }
  const measured = goodputs.map(median)
  log(`single seeds deliver ${measured.map(formatRate).join(', ')}`)
  const total = swarm.totalBytes
  const duplicateShare = median([...plain, ...delayed, ...collapsed].map((result) => result.duplicateBytes / total))
  return {
    ...efficiencies('', measured, total, { plain, delayed, collapsed }),
    ...efficiencies('OfNominal', seedRates, total, { plain, delayed, collapsed }),
    duplicateShare: round(duplicateShare),
    sumOfGoodputs: Math.round(sum(measured)),
    sumOfCaps: sum(seedRates),
  }
}

function efficiencies(
  suffix: string,
  rates: number[],
  total: number,
  results: Record<'plain' | 'delayed' | 'collapsed', FetchResult[]>,
): Record<string, number> {
  const ideal = total / sum(rates)
  const after = sum(rates.slice(0, -1)) + collapsedRate
  const firstSeconds = collapseAfterMs / 1000
  const idealCollapsed = firstSeconds + (total - sum(rates) * firstSeconds) / after
  const medianSeconds = (list: FetchResult[]) => median(list.map((result) => result.seconds))
  return {
    [`efficiencyRtt0${suffix}`]: round(ideal / medianSeconds(results.plain)),
    [`efficiencyRtt60${suffix}`]: round(ideal / medianSeconds(results.delayed)),
    [`efficiencyCollapse${suffix}`]: round(idealCollapsed / medianSeconds(results.collapsed)),
  }
}

interface FetchOptions {
  seeds: number[]
  rttMs: number
  /** So many chunks from the front; all without. */
  chunks?: number
  /** This seed falls to `collapsedRate` after a second. */
  collapses?: number
}

class BenchSwarm {
  totalBytes = 0
  readonly #folder: string
  readonly #log: (line: string) => void
  readonly #seeds: Child<SeedRequest>[] = []
  readonly #proxy = new Child<ProxyRequest>('./delay-proxy.ts')
  readonly #proxyPorts = new Map<number, number>()
  #model: TransferModel | undefined
  #fetches = 0
  /** One question at a time: the answers of the proxy process carry no number. */
  #proxyTurn: Promise<unknown> = Promise.resolve()

  constructor(folder: string, log: (line: string) => void) {
    this.#folder = folder
    this.#log = log
  }

  async start(sizeMib: number): Promise<void> {
    this.#log(`generating ${sizeMib} MiB`)
    this.#model = await generateModel(join(this.#folder, 'seed.bin'), sizeMib)
    this.totalBytes = sizeMib * MiB
    for (const uploadBytesPerSecond of seedRates) {
      const seed = new Child<SeedRequest>('./seed.ts')
      this.#seeds.push(seed)
      await seed.ask({ type: 'start', uploadBytesPerSecond, model: this.#model })
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#seeds, this.#proxy].map((child) => child.stop()))
  }

  /** A new client each time; the clock runs from the moment when the connected seeds say what they have. */
  async fetch(options: FetchOptions): Promise<FetchResult> {
    const client = await startDataPlane({ listenHost: '127.0.0.1', listenPort: 0 })
    const path = join(this.#folder, `fetched-${this.#fetches++}.bin`)
    try {
      return await this.#fetchWith(client, path, options)
    } finally {
      await client.close()
      await rm(path, { force: true })
    }
  }

  async #fetchWith(client: DataPlane, path: string, options: FetchOptions): Promise<FetchResult> {
    const { files, leaves } = this.#model!
    const count = leaves.length / 32
    const wanted = Bitfield.of(
      count,
      Array.from({ length: options.chunks ?? count }, (_, index) => index),
    )
    const { sizeBytes, extents } = files[0]!
    const none = new Bitfield(count).bytes
    await client.addModel({ modelId, leaves, held: none, files: [{ path, sizeBytes, extents }] })
    let duplicateBytes = 0
    let verified = 0
    client.on('fetch-progress', (progress) => {
      duplicateBytes = progress.duplicateBytes
      verified = progress.chunksVerified
    })
    const { promise: complete, resolve, reject } = Promise.withResolvers<void>()
    client.on('fetch-complete', () => resolve())
    client.on('source-end', ({ peerId, reason }) => reject(new Error(`${peerId} ended: ${reason}`)))
    const timer = setTimeout(() => reject(new Error('the fetch takes too long')), fetchTimeoutMs)
    await client.startFetch(modelId, wanted.bytes)
    await Promise.all(options.seeds.map((index) => this.#connect(client, index, options.rttMs, none)))
    const all = Bitfield.full(count).bytes
    const startMs = performance.now()
    const collapse = options.collapses === undefined ? undefined : this.#collapse(options.collapses)
    await Promise.all(options.seeds.map((index) => client.updateSource(modelId, seedId(index), all)))
    try {
      await complete
    } finally {
      clearTimeout(timer)
    }
    const seconds = (performance.now() - startMs) / 1000
    if (options.collapses !== undefined) {
      await collapse
      const uploadBytesPerSecond = seedRates[options.collapses]!
      await this.#seeds[options.collapses]!.ask({ type: 'cap', uploadBytesPerSecond })
    }
    assert.equal(verified, wanted.count(), 'every chunk was fetched and verified')
    return { seconds, bytes: wanted.count() * chunkBytes, duplicateBytes }
  }

  async #connect(client: DataPlane, index: number, delayMs: number, have: Uint8Array): Promise<void> {
    const { certificateSha256 } = client.endpoint
    const seed = this.#seeds[index]!
    const offer = await seed.ask<SeedOffer>({ type: 'offer', peerId: clientId, certificateSha256 })
    const port = delayMs === 0 ? offer.port : await this.#proxyPort(offer.port, delayMs)
    const address = { transport: 'tls' as const, peerId: seedId(index), ...offer, port }
    await client.addSource(modelId, address, have)
  }

  #proxyPort(targetPort: number, delayMs: number): Promise<number> {
    const turn = this.#proxyTurn.then(async () => {
      const known = this.#proxyPorts.get(targetPort)
      if (known !== undefined) return known
      const port = await this.#proxy.ask<number>({ targetPort, oneWayMs: delayMs / 2 })
      this.#proxyPorts.set(targetPort, port)
      return port
    })
    this.#proxyTurn = turn
    return turn
  }

  async #collapse(index: number): Promise<void> {
    const seed = this.#seeds[index]!
    await sleep(collapseAfterMs)
    await seed.ask({ type: 'cap', uploadBytesPerSecond: collapsedRate })
  }
}

function seedId(index: number): PeerId {
  return `bench-seed-${index}` as PeerId
}

/** Random megabytes, each different, hashed as ingest would. */
async function generateModel(path: string, sizeMib: number): Promise<TransferModel> {
  const file = await open(path, 'w')
  const leaves: Uint8Array[] = []
  const bytes = randomBytes(chunkBytes)
  for (let index = 0; index < sizeMib; index++) {
    bytes.writeUInt32LE(index)
    leaves.push(blake3(bytes))
    await file.write(bytes)
  }
  await file.close()
  const extents = []
  for (let offsetBytes = 0; offsetBytes < sizeMib * MiB; offsetBytes += extentBytes) {
    const first = offsetBytes / chunkBytes
    const ofExtent = leaves.slice(first, first + extentBytes / chunkBytes)
    const sizeBytes = Math.min(extentBytes, sizeMib * MiB - offsetBytes)
    extents.push({ root: extentRootFromBytes(blake3(Buffer.concat(ofExtent))), offsetBytes, sizeBytes })
  }
  const identity = identityFromStat(await stat(path, { bigint: true }))
  return {
    modelId,
    leaves: Buffer.concat(leaves),
    held: Bitfield.full(sizeMib).bytes,
    files: [{ path, sizeBytes: sizeMib * MiB, identity, extents }],
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

function round(value: number): number {
  return Number(value.toFixed(4))
}
