/**
 * The local swarm: node 1 has a file; 2, 3 and 4 learn of it over the DHT, choose it by their pledge, and fetch different
 * parts first, then the rest from one another; 5 joins late through 3, is never told where 1 is, and answers a prompt.
 * A coordinator outside the five gets the prompt as a job and finds the one that answers. With an economy each pays for what it
 * takes, and the coordinator for the answer.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelView, StampedEvent, TransferView } from '#protocol/api/control.ts'
import type { JobView } from '#protocol/api/jobs.ts'
import type { NetworkSnapshot } from '#protocol/api/network.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { partNames } from '../../ingest/index.ts'
import { streamAnswer } from '../answer.ts'
import type { ControlClient } from '../client.ts'
import type { Board } from './board.ts'
import { DevnetNode } from './child.ts'
import type { DevnetEconomy, EconomySummary } from './economy.ts'
import type { DevnetView } from './view.ts'

/** The bundled model (2.9 MB) then takes about four seconds to three nodes: slow enough to watch. */
const watchableMs = 3600
const capBytesPerSecondMin = 800_000
const answerTokensMax = 64

export interface ScenarioOptions {
  folder: string
  modelFile: string
  licence?: string
  /** A second, generated model file. */
  payloadFile?: string
  hasCaps: boolean
  isDhtOnly: boolean
  /** Countries that the nodes declare, from the first on; there may be fewer than nodes. */
  regions: readonly string[]
  prompt: string
  board: Board
  view: DevnetView
  signal: AbortSignal
  onAnswer: (text: string) => void
  onEvent: (index: number, event: StampedEvent) => void
  onNode: (node: DevnetNode) => void
  /** Everything is free without one. */
  economy?: DevnetEconomy
}

export interface ScenarioResult {
  nodes: DevnetNode[]
  late: DevnetNode
  transfer: TransferView
  payload?: TransferView
  model: ModelView
  fileIdentical: boolean
  answer: string
  tokensPerSecond: number
  firstTokenMs: number
  /** Who took the prompt as a job, and paid for its answer where it costs. */
  coordinator: DevnetNode
  coordinatorSeen: CoordinatorSummary
  economy?: EconomySummary
}

export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const { signal, view } = options
  const files = [options.modelFile, ...(options.payloadFile === undefined ? [] : [options.payloadFile])]
  const totalBytes = await sizeOf(files.flatMap((file) => partNames(file)))
  const begin = (index: number, role: string, args: string[]) => startNode(options, index, role, totalBytes, args)

  // The second node is everybody's way into the swarm, so that nobody knows the seed but through the DHT.
  const second = begin(2, 'node', [])
  const entry = bootstrapOf(await second.start(signal))
  const licence = options.licence === undefined ? [] : ['--license', options.licence]
  const seed = begin(1, 'seed', [...entry, ...files.flatMap((file) => ['--ingest', file]), ...licence])
  const third = begin(3, 'node', entry)
  const fourth = begin(4, 'node', entry)
  const early = [second, third, fourth]
  const held = early.map((node) => waitForModels(node, files.length, signal))
  view.phase('nodes find one another over the DHT; 2, 3 and 4 are not told who has the file')
  const failed = Promise.race([seed, ...early].map((node) => node.watch()))
  failed.catch(() => undefined)
  await Promise.race([Promise.all([seed, third, fourth].map((node) => node.start(signal))), failed])
  view.phase('2, 3 and 4 fetch different parts first, then the rest from one another')
  await Promise.race([Promise.all(held), failed])

  await options.economy?.ready()
  view.phase('node 5 joins late, through node 3; nobody tells it where the file came from')
  const late = begin(5, 'late', bootstrapOf(third.ready!))
  const nodes = [seed, ...early, late]
  const result = { ...(await joinLate(options, late, files.length)), nodes, late }
  if (options.economy === undefined) return result
  view.phase('a process that is none of them settles what was promised')
  return { ...result, economy: await options.economy.settle(nodes, signal) }
}

async function joinLate(
  options: ScenarioOptions,
  late: DevnetNode,
  models: number,
): Promise<Omit<ScenarioResult, 'nodes' | 'late' | 'economy'>> {
  const { signal } = options
  const transfers = waitForModels(late, models, signal)
  const failed = late.watch()
  failed.catch(() => undefined)
  await Promise.race([late.start(signal), failed])
  const coordinator = startCoordinator(options, late)
  const done = await Promise.race([transfers, failed])
  const client = await late.connect(signal)
  const { models: list } = await client.get<{ models: ModelView[] }>('/api/v1/models')
  const originals = partNames(options.modelFile)
  const originalBytes = await sizeOf(originals)
  const model = list.find((candidate) => candidate.sizeBytes === originalBytes)
  const transfer = done.find((candidate) => candidate.modelId === model?.modelId)
  if (model === undefined || transfer === undefined)
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: options.modelFile })
  const payload = done.find((candidate) => candidate !== transfer)
  options.view.phase('node 5 compares its file with the original, loads it and answers')
  const [fetched, original] = await Promise.all([digests(model.files), digests(originals)])
  const coordinating = await coordinatorOf(coordinator, model.name, signal)
  const answer = await ask(coordinating, model.name, options)
  return {
    transfer,
    ...(payload === undefined ? {} : { payload }),
    model,
    fileIdentical: fetched === original,
    coordinator,
    coordinatorSeen: await coordinatorSummary(coordinating),
    ...answer,
  }
}

function startNode(
  options: ScenarioOptions,
  index: number,
  role: string,
  totalBytes: number,
  args: string[],
): DevnetNode {
  const { board, view, economy, regions } = options
  const dataDir = join(options.folder, `node-${index}`)
  economy?.prepare(dataDir, 'node')
  const cap = Math.max(capBytesPerSecondMin, Math.ceil(totalBytes / (watchableMs / 1000)))
  const node = new DevnetNode(index, dataDir, [
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    '--api-port',
    '0',
    ...(role === 'seed' ? [] : ['--pledge', String(totalBytes * 2)]),
    ...(options.hasCaps ? ['--upload-rate', String(cap)] : []),
    ...(options.isDhtOnly ? ['--dht-only'] : []),
    ...(regions[index - 1] === undefined ? [] : ['--set', `region=${regions[index - 1]}`]),
    ...(economy?.settings('node') ?? []),
    // Who answers, and is paid for it, is the late one.
    ...(economy === undefined || role === 'late' ? [] : ['--set', 'inference.forPeers=false']),
    ...args,
  ])
  const progress = board.add(index, role, node.pid)
  node.subscribe((event) => {
    board.apply(progress, event)
    view.event(progress, event)
    options.onEvent(index, event)
  })
  options.onNode(node)
  return node
}

/** A process that holds nothing: it knows the late node, finds the others by itself, and takes jobs. */
function startCoordinator(options: ScenarioOptions, late: DevnetNode): DevnetNode {
  const { economy } = options
  const dataDir = join(options.folder, 'coordinator')
  economy?.prepare(dataDir, 'requester')
  const args = [
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    '--api-port',
    '0',
    '--coordinator-port',
    '0',
    '--no-inference',
    ...(options.isDhtOnly ? ['--dht-only'] : []),
    ...(economy?.settings('requester') ?? []),
    ...bootstrapOf(late.ready!),
  ]
  const index = 6
  const coordinator = new DevnetNode(index, dataDir, args, [], 'coordinator')
  coordinator.subscribe((event) => {
    if (event.event === 'ready') options.board.introduce(event.peerId, 'the coordinator')
    options.onEvent(index, event)
  })
  options.onNode(coordinator)
  return coordinator
}

/** Once it knows somebody who answers with this model. */
async function coordinatorOf(coordinator: DevnetNode, model: string, signal: AbortSignal): Promise<ControlClient> {
  const client = await coordinator.connectToCoordinator(signal)
  for (;;) {
    const { data } = await client.get<{ data: { id: string }[] }>('/v1/models')
    if (data.some(({ id }) => id === model)) return client
    await sleep(100, undefined, { signal })
  }
}

export interface CoordinatorSummary {
  nodesSeen: number
  /** That ended with a result. */
  jobs: number
}

async function coordinatorSummary(client: ControlClient): Promise<CoordinatorSummary> {
  const { nodes } = await client.get<NetworkSnapshot>('/api/v1/network/snapshot')
  const { jobs } = await client.get<{ jobs: JobView[] }>('/api/v1/jobs?state=succeeded')
  return { nodesSeen: nodes.length, jobs: jobs.length }
}

function bootstrapOf(ready: { addresses: string[] }): string[] {
  return ready.addresses.flatMap((address) => ['--bootstrap', address])
}

/** The transfers of the first `count` models that the node completes. */
async function waitForModels(node: DevnetNode, count: number, signal: AbortSignal): Promise<TransferView[]> {
  const done = new Map<string, TransferView>()
  await node.waitFor('transfer-complete', signal, (event) => done.set(event.modelId, event).size >= count)
  return [...done.values()]
}

async function ask(
  client: ControlClient,
  model: string,
  options: ScenarioOptions,
): Promise<{ answer: string; tokensPerSecond: number; firstTokenMs: number }> {
  const beganAtMs = performance.now()
  let answer = ''
  let tokens = 0
  let firstAtMs = 0
  for await (const part of streamAnswer(client, {
    model,
    prompt: options.prompt,
    temperature: 0,
    maxTokens: answerTokensMax,
  })) {
    if (part.text !== '' && firstAtMs === 0) firstAtMs = performance.now()
    answer += part.text
    tokens = part.completionTokens ?? tokens
    if (part.text !== '') options.onAnswer(part.text)
  }
  const seconds = Math.max(0.001, (performance.now() - firstAtMs) / 1000)
  return {
    answer,
    tokensPerSecond: Number((Math.max(0, tokens - 1) / seconds).toFixed(1)),
    firstTokenMs: Math.round(firstAtMs - beganAtMs),
  }
}

async function sizeOf(paths: readonly string[]): Promise<number> {
  let sum = 0
  for (const path of paths) sum += (await stat(path)).size
  return sum
}

/** Of each file in order. */
async function digests(paths: readonly string[]): Promise<string> {
  const parts: string[] = []
  for (const path of paths) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    parts.push(hash.digest('hex'))
  }
  return parts.join()
}
