/**
 * One connection between two processes on loopback, 1 MiB chunks, into memory, every chunk verified with BLAKE3: the
 * product's data plane against libp2p tcp+noise, Helia bitswap, node:http and node:net. Rounds are interleaved, so that a
 * busy machine hits all alike; figures are medians. To disk it is measured apart.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { GiB, MiB } from '#protocol/units.ts'
import {
  type ClientJob,
  type FromClient,
  type FromServer,
  type ServerAddresses,
  type ToClient,
  type ToServer,
  transports,
  uniqueChunks,
} from './data-plane/transfer.ts'
import type { Bench, BenchOptions } from './main.ts'

const rounds = 5
/** Chunks of one round: about a second each on an idle core. */
const chunksPerRound: { readonly [transport in ClientJob['transport']]: number } = {
  ours: uniqueChunks,
  net: uniqueChunks,
  http: uniqueChunks,
  noise: 192,
  bitswap: 64,
  disk: uniqueChunks,
}
const answerTimeoutMs = 120_000

interface Sample {
  mibPerSecond: number
  receiveCpuPerGib: number
  sendCpuPerGib: number
}

export const bench: Bench = {
  name: 'data-plane',
  describe: 'our data plane against libp2p noise, bitswap, node:http and node:net: throughput and CPU per GiB',
  run,
}

async function run({ log }: BenchOptions): Promise<Record<string, number>> {
  const pair = new ProcessPair()
  try {
    await pair.start()
    const samples = new Map<string, Sample[]>()
    const order = [...transports, 'disk'] as const
    for (let round = 0; round <= rounds; round++) {
      for (const transport of order) {
        const sample = await pair.measure({ transport, chunks: chunksPerRound[transport] })
        // The first round warms the compilers and the page cache.
        if (round === 0) continue
        samples.set(transport, [...(samples.get(transport) ?? []), sample])
        log(
          `round ${round} ${transport.padEnd(8)} ${sample.mibPerSecond.toFixed(0)} MiB/s, receive ${sample.receiveCpuPerGib.toFixed(2)} s/GiB`,
        )
      }
    }
    return figures(samples)
  } finally {
    pair.stop()
  }
}

function figures(samples: ReadonlyMap<string, Sample[]>): Record<string, number> {
  const median = (transport: string, key: keyof Sample) =>
    medianOf(samples.get(transport)!.map((sample) => sample[key]))
  const ratio = (transport: string, key: keyof Sample) => median('ours', key) / median(transport, key)
  const figures: Record<string, number> = {
    ratioToNoise: round2(ratio('noise', 'mibPerSecond')),
    cpuRatioToNoise: round3(ratio('noise', 'receiveCpuPerGib')),
    ratioToBitswap: round2(ratio('bitswap', 'mibPerSecond')),
    ratioToHttp: round2(ratio('http', 'mibPerSecond')),
    ratioToNet: round2(ratio('net', 'mibPerSecond')),
  }
  for (const transport of samples.keys()) {
    figures[`${transport}MiBPerSecond`] = Math.round(median(transport, 'mibPerSecond'))
    figures[`${transport}ReceiveCpuSecondsPerGiB`] = round2(median(transport, 'receiveCpuPerGib'))
    figures[`${transport}SendCpuSecondsPerGiB`] = round2(median(transport, 'sendCpuPerGib'))
  }
  return figures
}

function medianOf(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const round2 = (value: number) => Math.round(value * 100) / 100
const round3 = (value: number) => Math.round(value * 1000) / 1000

/** The sender and the receiver, each a process of its own. */
class ProcessPair {
  readonly #server = forkPart('server')
  readonly #client = forkPart('client')

  async start(): Promise<void> {
    this.#toServer({ ask: 'start' })
    const { addresses } = (await answerOf(this.#server)) as { addresses: ServerAddresses }
    this.#toClient({ addresses })
    await answerOf(this.#client)
  }

  async measure(job: ClientJob): Promise<Sample> {
    this.#toClient({ job })
    let answer = (await answerOf(this.#client)) as FromClient
    // Ours needs a one-time token of the server first.
    if ('certificateSha256' in answer) {
      this.#toServer({ ask: 'token', certificateSha256: answer.certificateSha256 })
      const { token } = (await answerOf(this.#server)) as { token: string }
      const before = await this.#serverCpu()
      this.#toClient({ token })
      answer = (await answerOf(this.#client)) as FromClient
      return this.#sample(job, answer, before)
    }
    return this.#sample(job, answer, undefined)
  }

  async #sample(job: ClientJob, answer: FromClient, cpuBefore: number | undefined): Promise<Sample> {
    if (!('result' in answer)) throw new Error(`${job.transport}: ${JSON.stringify(answer)}`)
    const { seconds, cpuSeconds, verifiedChunks } = answer.result
    if (verifiedChunks !== job.chunks) throw new Error(`${job.transport}: ${verifiedChunks} of ${job.chunks} verified`)
    const serverCpu = (await this.#serverCpu()) - (cpuBefore ?? this.#lastServerCpu)
    this.#lastServerCpu = await this.#serverCpu()
    const gib = (job.chunks * MiB) / GiB
    return {
      mibPerSecond: job.chunks / seconds,
      receiveCpuPerGib: cpuSeconds / gib,
      sendCpuPerGib: serverCpu / gib,
    }
  }

  #lastServerCpu = 0

  async #serverCpu(): Promise<number> {
    this.#toServer({ ask: 'cpu' })
    return ((await answerOf(this.#server)) as FromServer & { cpuSeconds: number }).cpuSeconds
  }

  #toServer(message: ToServer): void {
    this.#server.send(message)
  }

  #toClient(message: ToClient): void {
    this.#client.send(message)
  }

  stop(): void {
    for (const child of [this.#client, this.#server]) if (child.connected) child.disconnect()
  }
}

function forkPart(name: string): ChildProcess {
  const file = new URL(`./data-plane/${name}.ts`, import.meta.url)
  return fork(file, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const timer = setTimeout(() => reject(new Error(`no answer in ${answerTimeoutMs} ms`)), answerTimeoutMs)
  const onExit = (code: number | null) => reject(new Error(`a process of the bench ended with ${code}`))
  child.once('message', resolve)
  child.once('exit', onExit)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    child.off('message', resolve)
    child.off('exit', onExit)
  }
}
