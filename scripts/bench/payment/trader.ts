/**
 * One node of the payment bench, seller or buyer, in a process of its own: data plane, store and network as in the product,
 * each in its thread, and payment that is attached or not.
 *   node scripts/bench/payment/trader.ts FOLDER
 */
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityFromStat, startDataPlane, type TransferModel } from '#node/chunks/index.ts'
import { createLlamaEngine, InferenceService, inferOverPeer, serveInferStream } from '#node/inference/index.ts'
import { encodeFrame } from '#node/network/frame-codec.ts'
import { type FrameStream, type Network, startNetwork } from '#node/network/index.ts'
import type { PaymentEvent, PaymentSigner } from '#node/payment/index.ts'
import { voucherEntry } from '#node/payment/ledger.ts'
import { serveProtocol } from '#node/swarm/index.ts'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { blake3, loadBlake3 } from '#protocol/codec/blake3.ts'
import { type Address, extentRootFromBytes, type ModelId, type PeerId, parsePeerId } from '#protocol/ids.ts'
import { decodeInferFrame, encodeInferFrame, type InferPrompt, inferProtocol } from '#protocol/infer/index.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { topicOf } from '#protocol/payment/index.ts'
import { processPort } from '#protocol/port/adapters.ts'
import { servePort } from '#protocol/port/index.ts'
import { MiB } from '#protocol/units.ts'
import { openShardStore } from '#sql/store/index.ts'
import { type Account, domain, noPrices, openAccount, prices } from './accounts.ts'
import type { Mode } from './mode.ts'

export interface SeededModel {
  sizeBytes: number
  extents: TransferModel['files'][number]['extents']
  leaves: Uint8Array
}

export interface TraderCounts {
  vouchers: number
  receipts: number
  /** Broken promises and stops. */
  problems: string[]
}

export interface AnswerSample {
  tokens: number
  text: string
  /** Of messages of payment, both ways, frames included; 0 where they are not counted. */
  proofBytes: number
}

/** Kernels have told times in hundredths of a second since before they had others to tell. */
const ticksPerSecond = 100
/** What a session writes after its end is written within this time. */
const settleMs = 50
const sellerId = parsePeerId('12D3KooWA1bysjrTACSWqf6q172inxvwKHUxAnBtVgaVDKMxpZtx')
const buyerId = parsePeerId('12D3KooWGzBfVfKJtXyfZ5AoLJ8gFW9jY9WZ5wEJzSVJ3NJ9Ks1u')

const folder = process.argv[2]
assert(folder !== undefined, 'usage: trader.ts FOLDER')
await loadBlake3()
const dataPlane = await startDataPlane({ listenHost: '127.0.0.1', listenPort: 0 })
const shardStore = await openShardStore({ path: join(folder, 'shard.db') })
const store = shardStore.forTenant('local:owner')

let counts: TraderCounts = { vouchers: 0, receipts: 0, problems: [] }
const onEvent = (event: PaymentEvent) => {
  if (event.type === 'voucher') counts.vouchers++
  else if (event.type === 'receipt') counts.receipts++
  else if ('reason' in event) counts.problems.push(`${event.side}: ${event.type} ${event.reason}`)
}
const account = (asked = prices) => openAccount({ dataPlane, store, prices: asked, onEvent })
const grown = account()
const free = account(noPrices)
let fresh: Account | undefined
let attached: Account | undefined
warmUp(grown.signer)

let bought: { modelId: ModelId; model: SeededModel } | undefined
let network: Network | undefined
let service: InferenceService | undefined
let enginePid = () => undefined as number | undefined

const methods = {
  endpoint: () => dataPlane.endpoint,
  payee: () => grown.signer.address,

  /** Of this process with all its threads, and of the engine's. */
  cpuSeconds: async () => {
    const { user, system } = process.cpuUsage()
    const pid = enginePid()
    return (user + system) / 1e6 + (pid === undefined ? 0 : await cpuSecondsOf(pid))
  },

  /** A seller has one name for new and for old payers. */
  attach: async ({ mode, isSeller }: { mode: Mode; isSeller: boolean }) => {
    attached?.service.stop()
    await dataPlane.setSelling(false)
    if (mode === 'fresh' && !isSeller) fresh ??= account()
    attached = { off: undefined, paid: grown, free, fresh: isSeller ? grown : fresh }[mode]
    await attached?.service.start()
  },
  /** The next `fresh` is a stranger again. */
  forget: () => {
    fresh = undefined
  },
  startCounts: () => {
    counts = { vouchers: 0, receipts: 0, problems: [] }
  },
  counts: () => counts,
  settle: () => sleep(settleMs),

  /** A channel with a past: a real voucher, in both ledgers before the channel is opened. */
  promiseEarlier: async ({
    payee,
    modelId,
    cumulativeWei,
  }: {
    payee: Address
    modelId: ModelId
    cumulativeWei: bigint
  }) => {
    const key = { domain, payer: grown.signer.address, payee, topic: topicOf(modelId) }
    const signature = grown.signer.signVoucher(domain, { ...key, cumulativeWei })
    await store.appendLedger([voucherEntry('voucher-signed', { key, cumulativeWei, signature }, Date.now())])
    return { key, cumulativeWei, signature }
  },
  takeEarlier: async (voucher: Parameters<typeof voucherEntry>[1]) => {
    await store.appendLedger([voucherEntry('voucher-received', voucher, Date.now())])
  },

  seed: async ({ modelId, sizeBytes }: { modelId: ModelId; sizeBytes: number }): Promise<SeededModel> => {
    const path = join(folder, 'seed')
    const bytes = Buffer.allocUnsafeSlow(sizeBytes)
    randomFillSync(bytes)
    await writeFile(path, bytes)
    const extentBytes = 16 * MiB
    const extents = Array.from({ length: sizeBytes / extentBytes }, (_, index) => ({
      root: extentRootFromBytes(blake3(bytes.subarray(index * extentBytes, (index + 1) * extentBytes))),
      offsetBytes: index * extentBytes,
      sizeBytes: extentBytes,
    }))
    const chunks = Array.from({ length: sizeBytes / chunkBytes }, (_, index) =>
      blake3(bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)),
    )
    const leaves = new Uint8Array(Buffer.concat(chunks))
    const identity = identityFromStat(await stat(path, { bigint: true }))
    const held = Bitfield.full(chunks.length).bytes
    await dataPlane.addModel({ modelId, files: [{ path, sizeBytes, identity, extents }], leaves, held })
    return { sizeBytes, extents, leaves }
  },
  issueToken: (certificateSha256: string) => dataPlane.issueToken(buyerId, certificateSha256),

  want: (wanted: { modelId: ModelId; model: SeededModel }) => {
    bought = wanted
  },
  /** The whole model once, over the file of the last time; ends when the connection has. */
  fetch: async ({ port, certificateSha256, token }: { port: number; certificateSha256: string; token: Uint8Array }) => {
    assert(bought !== undefined)
    const { modelId, model } = bought
    const chunkCount = model.leaves.length / 32
    const { sizeBytes, extents, leaves } = model
    const file = { path: join(folder, 'bought'), sizeBytes, extents }
    await dataPlane.addModel({ modelId, files: [file], leaves, held: new Bitfield(chunkCount).bytes })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let isComplete = false
    const stops = [
      dataPlane.on('fetch-complete', () => {
        isComplete = true
      }),
      dataPlane.on('fetch-paused', ({ error }) => reject(new Error(error.message))),
      dataPlane.on('purchase-end', ({ reason }) => {
        if (isComplete) resolve()
        else reject(new Error(`the connection ended early: ${reason}`))
      }),
    ]
    const startedMs = performance.now()
    await dataPlane.startFetch(modelId, Bitfield.full(chunkCount).bytes)
    const source = { transport: 'tls' as const, peerId: sellerId, host: '127.0.0.1', port, certificateSha256, token }
    await dataPlane.addSource(modelId, source, Bitfield.full(chunkCount).bytes)
    await promise.finally(() => {
      for (const stop of stops) stop()
    })
    return { seconds: (performance.now() - startedMs) / 1000 }
  },

  serveAnswers: async ({ models, threads }: { models: { modelId: ModelId; path: string }[]; threads: number }) => {
    const engine = createLlamaEngine({ gpu: false, threads, slots: 1 })
    enginePid = () => engine.status().pid
    service = new InferenceService(engine)
    network = await openNetwork()
    const host = { service, findModel: async (modelId: ModelId) => models.find((model) => model.modelId === modelId) }
    await serveProtocol(network, inferProtocol, (stream) => {
      const seller = attached?.service
      return serveInferStream(
        stream,
        seller === undefined ? host : { ...host, sell: (...sold) => seller.sellAnswer(...sold) },
      )
    })
    return (await network.addresses())[0]!
  },
  dial: async (address: string) => {
    network = await openNetwork()
    return network.dial(address)
  },
  ask: async (asked: {
    peerId: PeerId
    modelId: ModelId
    prompt: InferPrompt
    maxTokens: number
    isCounted: boolean
  }) => {
    assert(network !== undefined)
    const { peerId, modelId, prompt, maxTokens, isCounted } = asked
    const { frameBytesMax } = inferProtocol
    const stream = await network.openStream(peerId, inferProtocol.id, { frameBytesMax })
    const counted = isCounted ? countingStream(stream) : { stream, proofBytes: () => 0 }
    const input = { modelId, prompt, sampling: { temperature: 0, topP: 1, topK: 0, maxTokens, stop: [] } }
    const buy = attached?.service.buyAnswer(peerId, input)
    const sample: AnswerSample = { tokens: 0, text: '', proofBytes: 0 }
    const signal = new AbortController().signal
    for await (const event of inferOverPeer(counted.stream, input, { signal, buy })) {
      if (event.type === 'delta') sample.text += event.text
      if (event.type === 'end') sample.tokens = event.completionTokens
    }
    return { ...sample, proofBytes: counted.proofBytes() }
  },
}
export type TraderMethods = typeof methods

servePort(processPort(process), methods)
process.once('disconnect', () => process.exit())

/** As in a node that has been on for a while: compilers need hundreds of signatures before they are done. */
function warmUp({ address, signVoucher, recoverVoucher }: PaymentSigner): void {
  for (let count = 1; count <= 300; count++) {
    const voucher = { payer: address, payee: address, topic: new Uint8Array(32), cumulativeWei: BigInt(count) }
    assert.equal(recoverVoucher(domain, voucher, signVoucher(domain, voucher)), address)
  }
}

/** As the data sheets of `proc` have it: the name of the program is in brackets, and may have spaces. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function openNetwork(): Promise<Network> {
  return startNetwork({
    dataDir: join(folder!, 'network'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    staticPeers: [],
    mdns: false,
    gossip: false,
    natTraversal: false,
    webrtc: false,
    stunServers: [],
    allowPrivateAddresses: true,
    swarm: '',
  })
}

/** Frames of payment with their lengths, and what the first message adds to the start. */
function countingStream(stream: FrameStream): { stream: FrameStream; proofBytes: () => number } {
  let proofBytes = 0
  const count = (bytes: Uint8Array) => {
    const frame = decodeInferFrame(bytes)
    if (frame.type === 'pay') proofBytes += encodeFrame(bytes).length
    if (frame.type !== 'start' || frame.payment === undefined) return
    const { payment, ...rest } = frame
    proofBytes += bytes.length - encodeInferFrame(rest).length
  }
  const counting: FrameStream = {
    peerId: stream.peerId,
    protocol: stream.protocol,
    send: (bytes) => {
      count(bytes)
      return stream.send(bytes)
    },
    async *frames() {
      for await (const bytes of stream.frames()) {
        count(bytes)
        yield bytes
      }
    },
    close: () => stream.close(),
    abort: (reason) => stream.abort(reason),
  }
  return { stream: counting, proofBytes: () => proofBytes }
}
