/** Vectors: a real engine, alone and at both ends of real streams. */
import { fileURLToPath } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import {
  bytesOfVector,
  encodeInferFrame,
  type InferFrame,
  inferProtocol,
  inputHash,
  outputHash,
  vectorOf,
} from '#protocol/infer/index.ts'
import { frameStream } from '../network/frame-stream.ts'
import type { FrameStream } from '../network/types.ts'
import { chatPrompt, collectAnswer } from './compliance.ts'
import { createLlamaEngine } from './llama/engine.ts'
import { inferOverPeer, type PeerEmbedRequest } from './peer-request.ts'
import { serveInferStream } from './peer-service.ts'
import { InferenceService } from './service.ts'
import type { AnswerWork, EngineModel, InferEvent, InferenceEngine, Purchase, Sale, Sell } from './types.ts'

const modelId = 'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi' as ModelId
const model: EngineModel = {
  modelId,
  path: fileURLToPath(new URL('../../models/hartling/hartling-f16.gguf', import.meta.url)),
}
const dimensions = 128
const buyerId = '12D3KooWAliceAliceAliceAliceAliceAliceAliceAliceAlice' as PeerId
const sellerId = '12D3KooWBobBobBobBobBobBobBobBobBobBobBobBobBobBobBo' as PeerId
const never = new AbortController().signal
const inputs = [
  'Tell me a story about a fox named Leo.',
  'Tell me a story about a cat named Mia.',
  'What is Hartonomous?',
]
const request: PeerEmbedRequest = { modelId, inputs }

type Embedding = Extract<InferEvent, { type: 'embedding' }>
const embeddings = (events: readonly InferEvent[]) =>
  events.filter((event): event is Embedding => event.type === 'embedding')
const vectorsOf = (events: readonly InferEvent[]) => embeddings(events).map(({ vector }) => vectorOf(vector))
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)

function streamPair(): [FrameStream, FrameStream] {
  const { port1, port2 } = new MessageChannel()
  const options = { protocol: inferProtocol.id, frameBytesMax: inferProtocol.frameBytesMax }
  return [frameStream(port1, { ...options, peerId: sellerId }), frameStream(port2, { ...options, peerId: buyerId })]
}

describe('embeddings', () => {
  let engine: InferenceEngine
  let service: InferenceService
  beforeAll(() => {
    engine = createLlamaEngine({ slots: 2, threads: 1, gpu: false })
    service = new InferenceService(engine)
  })
  afterAll(() => engine.close())

  const embed = (texts: string[], signal = never) => collectAnswer(engine.embed(model, texts, { signal }))
  const failure = (answer: Promise<unknown>) => answer.then(() => undefined).catch((error: unknown) => error)
  const open = (sell?: Sell) => {
    const [ours, theirs] = streamPair()
    const host = { service, findModel: async () => model }
    void serveInferStream(theirs, sell === undefined ? host : { ...host, sell })
    return ours
  }

  test('each input gives one vector of length 1, in order, its tokens counted once', async () => {
    const { events, end } = await embed(inputs)
    const all = embeddings(events)
    expect(all.map(({ index }) => index)).toEqual([0, 1, 2])
    for (const vector of vectorsOf(events)) {
      expect(vector).toHaveLength(dimensions)
      expect(dot(vector, vector)).toBeCloseTo(1, 5)
    }
    expect(all.every(({ quality }) => quality === 'low')).toBe(true)
    const start = events.find((event) => event.type === 'start')
    const tokens = all.reduce((sum, each) => sum + each.tokens, 0)
    expect(end).toMatchObject({ reason: 'stop', promptTokens: tokens, completionTokens: 0 })
    expect(start).toMatchObject({ promptTokens: tokens })
  })

  test('a text has the same vector again, alone, among others, and beside an answer', async () => {
    const [alone] = embeddings((await embed([inputs[1]!])).events)
    const sampling = { temperature: 0, topP: 1, topK: 0, maxTokens: 60, stop: [] }
    const [among, answer] = await Promise.all([
      embed(inputs),
      collectAnswer(engine.infer(model, chatPrompt(inputs[0]!), sampling, { signal: never })),
    ])
    expect(embeddings(among.events)[1]!.vector).toEqual(alone!.vector)
    expect(answer.text).not.toBe('')
  })

  test('two stories are nearer to each other than to a question about the network', async () => {
    const [fox, cat, question] = vectorsOf((await embed(inputs)).events) as [Float32Array, Float32Array, Float32Array]
    expect(dot(fox, cat)).toBeGreaterThan(dot(fox, question) + 0.2)
    expect(dot(fox, cat)).toBeGreaterThan(dot(cat, question) + 0.2)
  })

  test('a text that fills the context is embedded, a longer one is refused with both figures', async () => {
    const words = (count: number) => 'story '.repeat(count)
    const one = embeddings((await embed([words(100)])).events)[0]!
    const perWord = one.tokens / 100
    const full = await embed([words(Math.floor(505 / perWord))])
    expect(embeddings(full.events)[0]!.tokens).toBeGreaterThan(480)
    const error = await failure(embed(['short', words(1000)]))
    expect(error).toMatchObject({ code: 'ERR_CONTEXT_LENGTH', fields: { contextTokens: 512 } })
  })

  test('marks of the template in a text stay plain text', async () => {
    const all = embeddings((await embed(['Hello!', 'Hello!<|end|><|assistant|>'])).events)
    expect(all[1]!.tokens).toBeGreaterThan(all[0]!.tokens + 9)
  })

  test('a signal ends the work between two inputs, and the place is free again', async () => {
    const controller = new AbortController()
    const events: InferEvent[] = []
    const many = Array.from({ length: 2000 }, (_, at) => `Tell me story number ${at}.`)
    for await (const event of service.infer({ model, inputs: many }, { signal: controller.signal })) {
      events.push(event)
      if (event.type === 'embedding') controller.abort()
    }
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'cancelled' })
    expect(embeddings(events).length).toBeLessThan(many.length)
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(0)
    expect((await embed(['after'])).end.reason).toBe('stop')
  })

  test('a model that was unloaded gives the same vectors when it is loaded again', async () => {
    const before = embeddings((await embed(inputs)).events)
    await engine.unload(modelId)
    expect(engine.status().loadedModels).toEqual([])
    expect(embeddings((await embed(inputs)).events)).toEqual(before)
  })

  test('a peer gives the same vectors as this node', async () => {
    const local = await collectAnswer(service.infer({ model, inputs }, { signal: never }))
    const remote = await collectAnswer(inferOverPeer(open(), request, { signal: never }))
    expect(embeddings(remote.events)).toEqual(embeddings(local.events))
    const { durationMs: _, ...end } = remote.end
    expect(local.end).toMatchObject(end)
  })

  test('a peer that is no longer asked stops', async () => {
    const many = { modelId, inputs: Array.from({ length: 2000 }, (_, at) => `Tell me story number ${at}.`) }
    for await (const event of inferOverPeer(open(), many, { signal: never })) if (event.type === 'embedding') break
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(0)
  })

  test('vectors are paid by the tokens of their inputs, before any is sent, and both ends hash the same', async () => {
    const credited: number[] = []
    const sold: (AnswerWork & { build: string })[] = []
    const bought: AnswerWork[] = []
    let vectorsAtCredit = -1
    let seen = 0
    const sell: Sell = async (): Promise<Sale> => ({
      receive: () => undefined,
      credit: async (tokens) => {
        vectorsAtCredit = Math.max(vectorsAtCredit, seen)
        credited.push(tokens)
      },
      finish: async (work) => void sold.push(work),
      end: () => undefined,
    })
    const buy: Purchase = {
      first: Uint8Array.of(1),
      attach: () => undefined,
      receive: () => undefined,
      finish: async (work) => void bought.push(work),
      end: () => undefined,
    }
    const { events, end } = await collectAnswer(
      (async function* () {
        for await (const event of inferOverPeer(open(sell), request, { signal: never, buy })) {
          if (event.type === 'embedding') seen++
          yield event
        }
      })(),
    )
    expect(credited).toEqual([end.promptTokens])
    expect(vectorsAtCredit).toBe(0)
    const hash = outputHash(request)
    for (const event of embeddings(events)) hash.add(event)
    const work = { output: hash.digest(), promptTokens: end.promptTokens, completionTokens: 0 }
    expect(sold).toMatchObject([work])
    expect(bought).toMatchObject([work])
    expect(inputHash(sold[0]!.input)).toEqual(inputHash(bought[0]!.input))
    const unpaid: Sell = async () => {
      throw new HartonomousError('ERR_UNPAID', { peer: sellerId, reason: 'this node works for pay only' })
    }
    const refused = await failure(collectAnswer(inferOverPeer(open(unpaid), request, { signal: never })))
    expect(refused).toMatchObject({ code: 'ERR_UNPAID' })
  })

  test('a peer that answers what was not asked is blamed', async () => {
    const vector = bytesOfVector(Float32Array.of(1, 0))
    const given = (index: number, change: Partial<Embedding> = {}): InferFrame => {
      return { type: 'embedding', index, vector, tokens: 2, quality: 'low', ...change }
    }
    const end = (promptTokens: number): InferFrame => {
      return { type: 'end', reason: 'stop', promptTokens, completionTokens: 0, durationMs: 1 }
    }
    const lies: InferFrame[][] = [
      [given(1)],
      [given(0), given(0)],
      [given(0), given(1), given(2), given(3)],
      [given(0), given(1, { vector: bytesOfVector(Float32Array.of(1)) })],
      [given(0), given(1), end(4)],
      [given(0), given(1), given(2), end(7)],
      [{ type: 'delta', text: 'Once', tokens: 1 }],
    ]
    for (const frames of lies) {
      const [ours, theirs] = streamPair()
      const failed = failure(collectAnswer(inferOverPeer(ours, request, { signal: never })))
      for (const frame of frames) void theirs.send(encodeInferFrame(frame)).catch(() => undefined)
      expect(await failed).toMatchObject({ code: 'ERR_PEER_PROTOCOL' })
    }
  })
})
