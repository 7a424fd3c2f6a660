/**
 * What payment costs: two nodes in processes of their own, real sockets, vouchers and ledgers, with payment and, in turn,
 * without any of its code attached. CPU time of both processes and the engine's, because other programs change the wall's
 * but little of that. Only the escrow's answers are made up: a node keeps them, and reading a chain is not what is measured.
 *   npm run bench -- payment [--rounds 15] [--only chunks|tokens] [--folder /dev/shm] [--tokens 200] [--profile]
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addressOf, recoverVoucher, signVoucher } from '#node/chain/index.ts'
import { generateModel, s110Shape } from '#node/ingest/gguf/generate.ts'
import { chunkUnit, inferUnit, type Unit } from '#node/payment/unit.ts'
import { type ModelId, parseModelId } from '#protocol/ids.ts'
import type { InferPrompt } from '#protocol/infer/index.ts'
import { processPort } from '#protocol/port/adapters.ts'
import { PortClient } from '#protocol/port/index.ts'
import { GiB, MiB } from '#protocol/units.ts'
import type { Bench } from './main.ts'
import { domain, prices } from './payment/accounts.ts'
import { ratioInterval } from './payment/interval.ts'
import { type Mode, modes } from './payment/mode.ts'
import type { TraderMethods } from './payment/trader.ts'

const modelBytes = 256 * MiB
/** Of 50 ms each. */
const settlesMax = 10
const fetchesPerRound = GiB / modelBytes
const traderScript = fileURLToPath(new URL('./payment/trader.ts', import.meta.url))
const hartlingPath = fileURLToPath(new URL('../../models/hartling/hartling-q8_0.gguf', import.meta.url))
const chunkModel = parseModelId('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
const largeModel = parseModelId('bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')
const hartling = parseModelId('bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454')
/** A prompt for a model that was made of random numbers, and one for a model that speaks. */
const largePrompt: InferPrompt = { type: 'completion', text: 'a journey of many steps begins with one and goes on' }
const hartlingPrompt: InferPrompt = {
  type: 'chat',
  messages: [{ role: 'user', content: 'Tell me a story about a fox named Leo.' }],
}

interface Sample {
  cpuSeconds: number
  seconds: number
  /** Bytes or tokens. */
  units: number
  vouchers: number
}
type Log = (line: string) => void

export const bench: Bench = {
  name: 'payment',
  describe: 'what payment adds to a GiB and to a token, in CPU seconds of both nodes, and in bytes',
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: {
        rounds: { type: 'string', default: '15' },
        only: { type: 'string' },
        folder: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
        tokens: { type: 'string', default: '200' },
        profile: { type: 'boolean', default: false },
      },
    })
    const rounds = Number(values.rounds)
    const folder = await mkdtemp(join(values.folder, 'hart-bench-'))
    log(
      'expected: a voucher and a receipt for each fetch of 256 MiB, 5 ms each at both ends; a GiB takes 1.5 s or more',
    )
    try {
      const figures: Record<string, number> = { rounds, ...measureSignatures() }
      const options = { folder, rounds, log, isProfiled: values.profile }
      if (values.only !== 'tokens') Object.assign(figures, await withPair(options, measureChunks))
      const tokens = Number(values.tokens)
      if (values.only !== 'chunks')
        Object.assign(figures, await withPair(options, (pair) => measureTokens(pair, tokens)))
      return figures
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

interface PairOptions {
  folder: string
  rounds: number
  log: Log
  /** A CPU profile of each process is left in the current folder. */
  isProfiled: boolean
}

interface Pair extends PairOptions {
  seller: Trader
  buyer: Trader
}

async function withPair(
  options: PairOptions,
  measure: (pair: Pair) => Promise<Record<string, number>>,
): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(options.folder, 'pair-'))
  const [seller, buyer] = await Promise.all(
    ['seller', 'buyer'].map(async (name) => {
      await mkdir(join(folder, name))
      return new Trader(join(folder, name), options.isProfiled)
    }),
  )
  try {
    return await measure({ ...options, folder, seller: seller!, buyer: buyer! })
  } finally {
    await Promise.all([seller!.stop(), buyer!.stop()])
    await rm(folder, { recursive: true, force: true })
  }
}

async function measureChunks(pair: Pair): Promise<Record<string, number>> {
  const { seller, buyer, log } = pair
  const model = await seller.call('seed', { modelId: chunkModel, sizeBytes: modelBytes })
  await buyer.call('want', { modelId: chunkModel, model })
  await giveHistory(pair, chunkModel, chunkUnit)
  const { port, certificateSha256 } = await seller.call('endpoint', null)
  const own = await buyer.call('endpoint', null)
  const fetchOnce = (mode: Mode) =>
    sampleOf(pair, mode, async () => {
      const token = await seller.call('issueToken', own.certificateSha256)
      const { seconds } = await buyer.call('fetch', { port, certificateSha256, token })
      return { seconds, units: modelBytes }
    })
  const byMode = await runRounds(pair, [...Array(fetchesPerRound)].fill(modes).flat(), fetchOnce)
  const cpu = (mode: Mode) => byMode[mode].map(({ cpuSeconds, units }) => (cpuSeconds * GiB) / units)
  const figures = sharesOf('chunk', cpu)
  for (const mode of modes) {
    figures[`${mode}ChunkCpuSecondsPerGiB`] = round(medianOf(cpu(mode)), 3)
    figures[`${mode}ChunkMiBPerSecond`] = round(
      medianOf(byMode[mode].map(({ seconds, units }) => units / MiB / seconds)),
      0,
    )
  }
  const sumOf = (mode: Mode, key: 'vouchers' | 'units') => byMode[mode].reduce((sum, sample) => sum + sample[key], 0)
  const perGiB = (mode: Mode) => (sumOf(mode, 'vouchers') * GiB) / sumOf(mode, 'units')
  log(`vouchers per GiB: ${perGiB('paid')}, of a stranger ${perGiB('fresh')}`)
  return { ...figures, vouchersPerGiB: round(perGiB('paid'), 2), freshVouchersPerGiB: round(perGiB('fresh'), 2) }
}

async function measureTokens(pair: Pair, maxTokens: number): Promise<Record<string, number>> {
  const { folder, seller, buyer, log } = pair
  const largePath = join(folder, 'large.gguf')
  log('generating the model (134 M parameters, Q8_0)')
  await generateModel({ path: largePath, shape: s110Shape, dtype: 'Q8_0', seed: 1 })
  const models = [
    { modelId: largeModel, path: largePath },
    { modelId: hartling, path: hartlingPath },
  ]
  const address = await seller.call('serveAnswers', { models, threads: 1 })
  const peerId = await buyer.call('dial', address)
  const figures: Record<string, number> = {}
  for (const [name, modelId, prompt] of [
    ['token', largeModel, largePrompt],
    ['hartlingToken', hartling, hartlingPrompt],
  ] as const) {
    await giveHistory(pair, modelId, inferUnit)
    const ask = (isCounted: boolean) => buyer.call('ask', { peerId, modelId, prompt, maxTokens, isCounted })
    await setMode(pair, 'off')
    const expected = await ask(false)
    const answerOnce = (mode: Mode) =>
      sampleOf(pair, mode, async () => {
        const startedMs = performance.now()
        const { tokens, text } = await ask(false)
        assert.equal(text, expected.text, 'paid and free answers are the same')
        return { seconds: (performance.now() - startedMs) / 1000, units: tokens }
      })
    const byMode = await runRounds(pair, modes, answerOnce)
    const cpu = (mode: Mode) => byMode[mode].map(({ cpuSeconds, units }) => cpuSeconds / units)
    Object.assign(figures, sharesOf(name, cpu))
    const vouchers = byMode.paid.reduce((sum, sample) => sum + sample.vouchers, 0)
    figures[`${name}VouchersPerAnswer`] = round(vouchers / byMode.paid.length, 2)
    for (const mode of modes) figures[`${mode}${capital(name)}CpuMs`] = round(1000 * medianOf(cpu(mode)), 3)
    await setMode(pair, 'paid')
    const { proofBytes, tokens } = await ask(true)
    const proofKey = name === 'token' ? 'proofBytesPerToken' : `${name}ProofBytes`
    figures[proofKey] = round(proofBytes / tokens, 2)
    figures[`${name}sPerAnswer`] = tokens
  }
  return figures
}

/** Each round begins elsewhere, forwards and backwards, so that a load that comes or goes hits all alike. One sum a round and mode. */
async function runRounds(
  { buyer, rounds, log }: Pair,
  turns: readonly Mode[],
  measure: (mode: Mode) => Promise<Sample>,
): Promise<Record<Mode, Sample[]>> {
  const byMode: Record<Mode, Sample[]> = { off: [], paid: [], free: [], fresh: [] }
  // Round 0 compiles, and brings files into memory.
  for (let round = 0; round <= rounds; round++) {
    await buyer.call('forget', null)
    const sums = Object.fromEntries(
      modes.map((mode) => [mode, { cpuSeconds: 0, seconds: 0, units: 0, vouchers: 0 }]),
    ) as Record<Mode, Sample>
    const shift = round % turns.length
    const order = [...turns.slice(shift), ...turns.slice(0, shift)]
    if (round % 2 === 1) order.reverse()
    for (const mode of order) {
      const sample = await measure(mode)
      for (const key of ['cpuSeconds', 'seconds', 'units', 'vouchers'] as const) sums[mode][key] += sample[key]
    }
    if (round === 0) continue
    for (const mode of modes) byMode[mode].push(sums[mode])
    const perUnit = (mode: Mode) => sums[mode].cpuSeconds / sums[mode].units
    const shares = modes.slice(1).map((mode) => `${mode} ${(perUnit(mode) / perUnit('off')).toFixed(3)}`)
    log(`round ${round}: off ${sums.off.cpuSeconds.toFixed(2)} s of CPU; by that: ${shares.join(', ')}`)
  }
  return byMode
}

async function sampleOf(
  pair: Pair,
  mode: Mode,
  work: () => Promise<{ seconds: number; units: number }>,
): Promise<Sample> {
  const { seller, buyer } = pair
  await setMode(pair, mode)
  await Promise.all([seller.call('startCounts', null), buyer.call('startCounts', null)])
  const before = await cpuSecondsOf(pair)
  const { seconds, units } = await work()
  const { sold, spent } = await settled(pair)
  const cpuSeconds = (await cpuSecondsOf(pair)) - before
  assert.deepEqual([...sold.problems, ...spent.problems], [])
  const receipts = mode === 'off' ? 0 : 1
  assert.deepEqual([sold.receipts, spent.receipts], [receipts, receipts])
  return { cpuSeconds, seconds, units, vouchers: sold.vouchers }
}

/**
 * On a busy machine the last voucher is checked and written down after its session has ended: that is work of it, too. One
 * that a buyer signs when its stream has closed is never taken; the next session shows it.
 */
async function settled({ seller, buyer }: Pair) {
  for (let tries = 0; ; tries++) {
    await Promise.all([seller.call('settle', null), buyer.call('settle', null)])
    const [sold, spent] = await Promise.all([seller.call('counts', null), buyer.call('counts', null)])
    if (sold.vouchers >= spent.vouchers || tries === settlesMax) return { sold, spent }
  }
}

async function setMode({ seller, buyer }: Pair, mode: Mode): Promise<void> {
  await Promise.all([seller.call('attach', { mode, isSeller: true }), buyer.call('attach', { mode, isSeller: false })])
}

/** As much as a channel must have paid to be trusted as far as any is. */
async function giveHistory({ seller, buyer }: Pair, modelId: ModelId, unit: Unit): Promise<void> {
  const payee = await seller.call('payee', null)
  const cumulativeWei = unit.price(unit.mostAhead, prices)
  await seller.call('takeEarlier', await buyer.call('promiseEarlier', { payee, modelId, cumulativeWei }))
}

async function cpuSecondsOf({ seller, buyer }: Pair): Promise<number> {
  const both = await Promise.all([seller.call('cpuSeconds', null), buyer.call('cpuSeconds', null)])
  return both[0] + both[1]
}

/** How much of the CPU time is left for the work itself, pair by pair. */
function sharesOf(name: string, cpu: (mode: Mode) => number[]): Record<string, number> {
  const off = cpu('off')
  const figures: Record<string, number> = {}
  for (const mode of ['paid', 'free', 'fresh'] as const) {
    const key = mode === 'paid' ? `${name}CpuShare` : `${mode}${capital(name)}CpuShare`
    const { ratio, low, high } = ratioInterval(cpu(mode).map((on, index) => off[index]! / on))
    Object.assign(figures, { [key]: round(ratio, 4), [`${key}Low`]: round(low, 4), [`${key}High`]: round(high, 4) })
  }
  return figures
}

/** In microseconds of CPU, the median of fifteen hundreds after the first. */
function measureSignatures(): Record<string, number> {
  const privateKey = new Uint8Array(32).fill(7)
  const payer = addressOf(privateKey)
  const voucher = { payer, payee: payer, topic: new Uint8Array(32).fill(1), cumulativeWei: 10n ** 16n }
  const signature = signVoucher(privateKey, domain, voucher)
  const works = {
    signMicroseconds: () => signVoucher(privateKey, domain, voucher),
    checkMicroseconds: () => recoverVoucher(domain, voucher, signature),
  }
  const times = Object.entries(works).map(([name, work]) => {
    const samples = Array.from({ length: 16 }, () => {
      const before = process.cpuUsage()
      for (let i = 0; i < 100; i++) work()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 100
    })
    return [name, round(medianOf(samples.slice(1)), 0)] as const
  })
  return Object.fromEntries(times)
}

class Trader {
  readonly #process: ChildProcess
  readonly #client: PortClient<TraderMethods>

  constructor(folder: string, isProfiled: boolean) {
    const execArgv = isProfiled ? ['--cpu-prof'] : []
    const stdio: ('ignore' | 'inherit' | 'ipc')[] = ['ignore', 'ignore', 'inherit', 'ipc']
    this.#process = fork(traderScript, [folder], { serialization: 'advanced', execArgv, stdio })
    this.#client = new PortClient(processPort(this.#process), 'trader')
  }

  call: PortClient<TraderMethods>['call'] = (method, input) => this.#client.call(method, input)

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#process.once('exit', () => resolve())
    this.#process.disconnect()
    await promise
  }
}

function medianOf(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
