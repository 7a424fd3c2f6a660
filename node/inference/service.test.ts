import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { inferProtocol } from '#protocol/infer/index.ts'
import { chatPrompt, collectAnswer } from './compliance.ts'
import { createLlamaEngine } from './llama/engine.ts'
import { type InferCallOptions, InferenceService, type InferRequest } from './service.ts'
import type { InferEvent, InferenceEngine } from './types.ts'

const model = {
  modelId: 'hartling' as ModelId,
  path: fileURLToPath(new URL('../../models/hartling/hartling-q8_0.gguf', import.meta.url)),
}
const request: InferRequest = {
  model,
  prompt: chatPrompt('What is Hartonomous?'),
  sampling: { temperature: 0, topP: 1, topK: 0, maxTokens: 60, stop: [] },
}
const endless: InferRequest = {
  ...request,
  prompt: chatPrompt('Tell me a story about a fox named Leo.'),
  sampling: { ...request.sampling, temperature: 3, maxTokens: 400 },
}
const alice = 'alice' as PeerId
const bob = 'bob' as PeerId

describe('inference service', () => {
  let engine: InferenceEngine
  beforeAll(() => {
    engine = createLlamaEngine({ slots: 1, threads: 1, gpu: false })
  })
  afterAll(() => engine.close())

  const never = new AbortController().signal
  const begin = (service: InferenceService, options: Partial<InferCallOptions> = {}, what = request) =>
    collectAnswer(service.infer(what, { signal: never, ...options }))
  const refusal = (service: InferenceService, options: Partial<InferCallOptions> = {}) => {
    try {
      service.infer(request, { signal: never, ...options })
    } catch (error) {
      return error
    }
    return undefined
  }
  const positions = (events: InferEvent[]) => events.flatMap((e) => (e.type === 'queued' ? [e.position] : []))

  test('runs requests in order of arrival and tells each its place', async () => {
    const service = new InferenceService(engine)
    const order: number[] = []
    const all = await Promise.all(
      [0, 1, 2, 3].map(async (index) => {
        const answer = await begin(service)
        order.push(index)
        return answer
      }),
    )
    expect(order).toEqual([0, 1, 2, 3])
    expect(all.map(({ events }) => positions(events))).toEqual([[], [1], [2, 1], [3, 2, 1]])
    for (const { end } of all) expect(end.reason).toBe('stop')
    expect(service.status()).toMatchObject({ running: 0, queued: 0, counters: { requests: 4, completed: 4 } })
    expect(service.status().completionTokens).toBe(all.reduce((sum, { end }) => sum + end.completionTokens, 0))
  })

  test('refuses what its queue cannot hold, with the time that the queue will take', async () => {
    const service = new InferenceService(engine, { queueMax: 2 })
    await begin(service)
    const meanMs = service.status().requestMsMean
    const running = [begin(service), begin(service), begin(service)]
    const error = refusal(service)
    if (!isHartonomousError(error, 'ERR_QUEUE_FULL')) throw error
    expect(error.fields.depth).toBe(2)
    expect(error.fields.retryAfterMs).toBeGreaterThanOrEqual(Math.max(250, meanMs * 3 - 3))
    expect(error.fields.retryAfterMs).toBeLessThan(250 + meanMs * 3 + 3)
    await Promise.all(running)
    expect((await begin(service)).end.reason).toBe('stop')
    expect(service.status().counters.refused).toBe(1)
  })

  test('keeps one peer from filling the queue for the others', async () => {
    const service = new InferenceService(engine, { queuePerPeerMax: 2 })
    const running = [begin(service, { peer: alice }), begin(service, { peer: alice })]
    expect(isHartonomousError(refusal(service, { peer: alice }), 'ERR_QUEUE_FULL')).toBe(true)
    running.push(begin(service, { peer: bob }), begin(service))
    await Promise.all(running)
    expect((await begin(service, { peer: alice })).end.reason).toBe('stop')
  })

  test('keeps places free for its owner, who goes before peers', async () => {
    const service = new InferenceService(engine, { queueMax: 3, queueForPeersMax: 2 })
    const first = begin(service, {}, endless)
    const peers = [begin(service, { peer: alice }), begin(service, { peer: bob })]
    expect(isHartonomousError(refusal(service, { peer: bob }), 'ERR_QUEUE_FULL')).toBe(true)
    const owner = begin(service)
    expect(isHartonomousError(refusal(service), 'ERR_QUEUE_FULL')).toBe(true)
    expect(positions((await owner).events)).toEqual([1])
    expect(positions((await peers[0]!).events)).toEqual([1, 2, 1])
    expect(positions((await peers[1]!).events)).toEqual([2, 3, 2, 1])
    await first
  })

  test('refuses a peer that asks faster than the protocol allows', async () => {
    let nowMs = 0
    const service = new InferenceService(engine, { clock: () => nowMs, slots: 0, queuePerPeerMax: 1 })
    const waiting = service.infer(request, { signal: AbortSignal.timeout(1), peer: alice })
    const { requests, windowMs } = inferProtocol.quota
    const waits = Array.from({ length: requests }, () => {
      const error = refusal(service, { peer: alice })
      return isHartonomousError(error, 'ERR_QUEUE_FULL') ? error.fields.retryAfterMs : undefined
    })
    // Up to the quota it is the queue that is full, then it is the pace.
    expect(waits.slice(0, -1).every((wait) => wait !== windowMs / requests)).toBe(true)
    expect(waits.at(-1)).toBe(windowMs / requests)
    expect((await collectAnswer(waiting)).end.reason).toBe('cancelled')
    nowMs += windowMs / requests
    service.infer(request, { signal: AbortSignal.timeout(1), peer: alice })
  })

  test('lets a waiting request leave, and the ones behind it move up', async () => {
    const service = new InferenceService(engine)
    const controller = new AbortController()
    const first = begin(service, {}, endless)
    const leaving = begin(service, { signal: controller.signal, peer: alice })
    const last = begin(service, { peer: bob })
    controller.abort()
    expect(await leaving).toMatchObject({ text: '', end: { reason: 'cancelled', completionTokens: 0 } })
    expect(positions((await last).events)).toEqual([2, 1])
    await first
    expect(service.status().counters).toMatchObject({ requests: 3, completed: 2, cancelled: 1 })
  })

  test('frees the slot of a request whose reader went away', async () => {
    const service = new InferenceService(engine)
    for await (const event of service.infer(endless, { signal: never })) if (event.type === 'delta') break
    expect((await begin(service)).end.reason).toBe('stop')
    expect(service.status().counters.cancelled).toBe(1)
  })

  test('takes nothing new while it drains, and ends what it has', async () => {
    const service = new InferenceService(engine)
    const running = [begin(service, {}, endless), begin(service)]
    let isDrained = false
    const drained = service.drain().then(() => {
      isDrained = true
    })
    expect(isHartonomousError(refusal(service), 'ERR_ENGINE_UNAVAILABLE')).toBe(true)
    await running[0]
    expect(isDrained).toBe(false)
    await running[1]
    await drained
  })

  test('refuses peers while it is paused, but serves its owner', async () => {
    const service = new InferenceService(engine)
    service.setPaused(true)
    expect(isHartonomousError(refusal(service, { peer: alice }), 'ERR_REFUSED_BY_POLICY')).toBe(true)
    expect((await begin(service)).end.reason).toBe('stop')
    service.setPaused(false)
    expect((await begin(service, { peer: alice })).end.reason).toBe('stop')
  })

  test('counts a failed request and goes on', async () => {
    const service = new InferenceService(engine)
    const failed = await begin(
      service,
      {},
      { ...request, model: { ...model, modelId: 'x' as ModelId, path: '/nowhere' } },
    ).catch((error: unknown) => error)
    expect(isHartonomousError(failed, 'ERR_NOT_FOUND')).toBe(true)
    expect((await begin(service)).end.reason).toBe('stop')
    expect(service.status().counters).toMatchObject({ failed: 1, completed: 1 })
  })
})
