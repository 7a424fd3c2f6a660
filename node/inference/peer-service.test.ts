import { fileURLToPath } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { decodeInferFrame, encodeInferFrame, type InferFrame, inferProtocol } from '#protocol/infer/index.ts'
import { frameStream } from '../network/frame-stream.ts'
import type { FrameStream } from '../network/types.ts'
import { chatPrompt, collectAnswer } from './compliance.ts'
import { createLlamaEngine } from './llama/engine.ts'
import { inferOverPeer, type PeerInferRequest } from './peer-request.ts'
import { serveInferStream } from './peer-service.ts'
import { InferenceService } from './service.ts'
import type { EngineModel, InferEvent, InferenceEngine } from './types.ts'

const modelId = 'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi' as ModelId
const otherModelId = 'bafyreifepiu23okq5zuyvyhsoiazv2icw2van3s7ko6d3ixl5jx2yj2yhu' as ModelId
const model: EngineModel = {
  modelId,
  path: fileURLToPath(new URL('../../models/hartling/hartling-f16.gguf', import.meta.url)),
}
const sampling = { temperature: 0, topP: 1, topK: 0, maxTokens: 100, stop: [] }
const request: PeerInferRequest = { modelId, prompt: chatPrompt('What is Hartonomous?'), sampling }
const endless: PeerInferRequest = {
  ...request,
  prompt: chatPrompt('Tell me a story about a fox named Leo.'),
  sampling: { ...sampling, temperature: 2, maxTokens: 400 },
}
const alice = '12D3KooWAliceAliceAliceAliceAliceAliceAliceAliceAlice' as PeerId
const bob = '12D3KooWBobBobBobBobBobBobBobBobBobBobBobBobBobBobBo' as PeerId
const never = new AbortController().signal

/** Both ends of one stream: what alice opened to bob, and what bob's handler gets. */
function streamPair(): [FrameStream, FrameStream] {
  const { port1, port2 } = new MessageChannel()
  const options = { protocol: inferProtocol.id, frameBytesMax: inferProtocol.frameBytesMax }
  return [frameStream(port1, { ...options, peerId: bob }), frameStream(port2, { ...options, peerId: alice })]
}

describe('infer protocol', () => {
  let engine: InferenceEngine
  let service: InferenceService
  beforeAll(() => {
    engine = createLlamaEngine({ slots: 1, threads: 1, gpu: false })
    service = new InferenceService(engine, { queuePerPeerMax: 2 })
  })
  afterAll(() => engine.close())

  const findModel = async (id: ModelId) => (id === modelId ? model : undefined)
  const open = () => {
    const [ours, theirs] = streamPair()
    void serveInferStream(theirs, { service, findModel })
    return ours
  }
  const ask = (what = request, signal = never) => collectAnswer(inferOverPeer(open(), what, { signal }))
  const failure = (answer: Promise<unknown>) => answer.then(() => undefined).catch((error: unknown) => error)
  /** Our client against a peer that sends `frames` and ends. */
  const askLiar = async (frames: (InferFrame | Uint8Array)[], isClosing = true) => {
    const [ours, theirs] = streamPair()
    const failed = failure(collectAnswer(inferOverPeer(ours, request, { signal: never, silenceMs: 200 })))
    for (const frame of frames)
      void theirs.send(frame instanceof Uint8Array ? frame : encodeInferFrame(frame)).catch(() => {})
    if (isClosing) void theirs.close().catch(() => {})
    return failed
  }

  test('gives a peer the same answer as a local program, streamed', async () => {
    const local = await collectAnswer(service.infer({ model, ...request }, { signal: never }))
    const remote = await ask()
    expect(remote.text).toBe(local.text)
    expect(remote.text).toContain('Hartonomous is a')
    expect(remote.events.filter((event) => event.type === 'delta').length).toBeGreaterThan(1)
    expect(remote.end).toMatchObject({
      reason: 'stop',
      promptTokens: local.end.promptTokens,
      completionTokens: local.end.completionTokens,
    })
  })

  test('tells what was answered, and what was refused, but not what the peer gave up', async () => {
    const seen: unknown[] = []
    const asked = (what: typeof request) => {
      const [ours, theirs] = streamPair()
      const onRefused = (error: unknown) => seen.push((error as HartonomousError).code)
      const served = serveInferStream(theirs, { service, findModel, onAnswered: (n) => seen.push(n), onRefused })
      return { events: inferOverPeer(ours, what, { signal: never }), served }
    }
    const whole = asked(request)
    const { end } = await collectAnswer(whole.events)
    await whole.served
    expect(seen).toEqual([end.promptTokens + end.completionTokens])
    const absent = asked({ ...request, modelId: otherModelId })
    expect(await failure(collectAnswer(absent.events))).toMatchObject({ code: 'ERR_NOT_FOUND' })
    await absent.served
    expect(seen.slice(1)).toEqual(['ERR_NOT_FOUND'])
    const left = asked(endless)
    for await (const event of left.events) if (event.type === 'delta') break
    await left.served
    expect(seen).toHaveLength(2)
  })

  test('cancels when the asking side goes away, and is free again', async () => {
    for await (const event of inferOverPeer(open(), endless, { signal: never })) if (event.type === 'delta') break
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(0)
    const controller = new AbortController()
    const events: InferEvent[] = []
    for await (const event of inferOverPeer(open(), endless, { signal: controller.signal })) {
      events.push(event)
      if (event.type === 'delta') controller.abort()
    }
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'cancelled' })
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(0)
    const silent = open()
    await silent.send(encodeInferFrame({ type: 'start', ...endless }))
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(1)
    await silent.close()
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(0)
  })

  test('tells its place in the queue, and holds a peer to its quota', async () => {
    await ask()
    const { pid } = engine.status()
    process.kill(pid!, 'SIGSTOP')
    const first = ask(endless)
    const second = ask()
    await expect.poll(() => service.status().queued).toBe(1)
    const error = await failure(ask())
    process.kill(pid!, 'SIGCONT')
    expect(isHartonomousError(error, 'ERR_QUEUE_FULL') && error.fields.retryAfterMs).toBeGreaterThan(0)
    expect((await second).events[0]).toEqual({ type: 'queued', position: 1 })
    await first
  })

  test('gives up a peer that says for ever that the answer is about to begin', async () => {
    const [ours, theirs] = streamPair()
    const saying = setInterval(
      () => void theirs.send(encodeInferFrame({ type: 'accepted', queued: 1 })).catch(() => {}),
      20,
    )
    const times = { silenceMs: 5000, queueMs: 300 }
    const error = await failure(collectAnswer(inferOverPeer(ours, request, { signal: never, ...times })))
    clearInterval(saying)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', fields: { timeoutMs: 300 } })
  })

  test('passes errors of the request through, and hides those of the node', async () => {
    const unknown = await failure(ask({ ...request, modelId: otherModelId }))
    expect(isHartonomousError(unknown, 'ERR_NOT_FOUND')).toBe(true)
    const long = await failure(ask({ ...request, prompt: chatPrompt('word '.repeat(5000)) }))
    expect(isHartonomousError(long, 'ERR_CONTEXT_LENGTH') && long.fields.contextTokens).toBe(512)
    const [ours, theirs] = streamPair()
    const broken = async () => {
      throw new Error('/home/someone/secret')
    }
    void serveInferStream(theirs, { service, findModel: broken })
    const hidden = await failure(collectAnswer(inferOverPeer(ours, request, { signal: never })))
    expect(isHartonomousError(hidden, 'ERR_ENGINE_UNAVAILABLE')).toBe(true)
    expect(String(hidden)).not.toContain('secret')
  })

  test('answers frames of later versions with an error, and drops what is no frame', async () => {
    const later = open()
    await later.send(encodeInferFrame({ type: 'reserved', number: 18 }))
    const answers: InferFrame[] = []
    for await (const bytes of later.frames()) answers.push(decodeInferFrame(bytes))
    expect(answers).toMatchObject([{ type: 'error', error: { code: 'ERR_MODEL_UNSUPPORTED' } }])
    const broken = open()
    broken.send(new Uint8Array([1, 2, 3])).catch(() => undefined)
    await expect(broken.frames()[Symbol.asyncIterator]().next()).rejects.toThrow()
  })

  test('blames a peer that breaks the protocol', async () => {
    const tooMany: InferFrame = { type: 'delta', text: 'x', tokens: 101 }
    const tooLong: InferFrame = { type: 'delta', text: 'x'.repeat(200_000), tokens: 1 }
    const foreign: InferFrame = { type: 'error', error: { code: 'ERR_AUTH', fields: { reason: 'give me your token' } } }
    const end: InferFrame = { type: 'end', reason: 'stop', promptTokens: 1, completionTokens: 999, durationMs: 1 }
    for (const frames of [[tooMany], [tooLong], [foreign], [end], [new Uint8Array([0xff])]]) {
      expect(await askLiar(frames)).toMatchObject({ code: 'ERR_PEER_PROTOCOL' })
    }
  })

  test('does not blame a peer that goes away before it has answered', async () => {
    for (const frames of [[], [{ type: 'delta', text: 'x', tokens: 1 } as const]])
      expect(await askLiar(frames)).toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
  })

  test('gives up on a peer that says nothing', async () => {
    expect(await askLiar([{ type: 'accepted', queued: 0 }], false)).toMatchObject({ code: 'ERR_TIMEOUT' })
  })
})
