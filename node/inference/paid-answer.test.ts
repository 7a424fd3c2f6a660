/** Answers that are paid for: a real engine, both ends of real streams, and the plainest seller and buyer there can be. */
import { fileURLToPath } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { encodeInferFrame, type InferFrame, inferProtocol, inputHash, outputHash } from '#protocol/infer/index.ts'
import { pacedTokensAheadMax, paymentMessagesPerSecondMax } from '#protocol/limits.ts'
import { frameStream } from '../network/frame-stream.ts'
import type { FrameStream } from '../network/types.ts'
import { chatPrompt, collectAnswer } from './compliance.ts'
import { createLlamaEngine } from './llama/engine.ts'
import { inferOverPeer, type PeerInferRequest } from './peer-request.ts'
import { serveInferStream } from './peer-service.ts'
import { InferenceService } from './service.ts'
import type { AnswerWork, EngineModel, InferEvent, InferenceEngine, Purchase, Sale, Sell } from './types.ts'

const modelId = 'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi' as ModelId
const model: EngineModel = {
  modelId,
  path: fileURLToPath(new URL('../../models/hartling/hartling-f16.gguf', import.meta.url)),
}
const sampling = { temperature: 0, topP: 1, topK: 0, maxTokens: 100, stop: [] }
const request: PeerInferRequest = { modelId, prompt: chatPrompt('What is Hartonomous?'), sampling }
const buyerId = '12D3KooWAliceAliceAliceAliceAliceAliceAliceAliceAlice' as PeerId
const sellerId = '12D3KooWBobBobBobBobBobBobBobBobBobBobBobBobBobBobBo' as PeerId
const never = new AbortController().signal
const payment = Uint8Array.of(1)

const uint = (value: number) => new Uint8Array(Uint32Array.of(value).buffer)
const uintOf = (bytes: Uint8Array) => new Uint32Array(bytes.slice().buffer)[0]!

function receiptOf({ input, output, promptTokens, completionTokens }: AnswerWork): Uint8Array {
  return Buffer.concat([inputHash(input), output, uint(promptTokens), uint(completionTokens)])
}

/** Messages to it are totals of paid tokens; messages of its own are the total that is due, and the receipt. */
class PlainSale implements Sale {
  readonly first: Uint8Array | undefined
  readonly asked: number[] = []
  readonly work: Parameters<Sale['finish']>[0][] = []
  ends = 0
  messages = 0
  paidTokens = 0
  /** What `credit` does where tokens are not paid: rejects, or waits. */
  isPatient = true
  readonly #send: (message: Uint8Array) => Promise<void>
  readonly #checks = new Set<() => void>()

  constructor(first: Uint8Array | undefined, send: (message: Uint8Array) => Promise<void>) {
    this.first = first
    this.#send = send
  }

  receive(message: Uint8Array): void {
    this.messages++
    if (message.length === 4) this.pay(uintOf(message))
  }

  pay(totalTokens: number): void {
    this.paidTokens = totalTokens
    for (const check of [...this.#checks]) check()
  }

  async credit(totalTokens: number, signal: AbortSignal): Promise<void> {
    this.asked.push(totalTokens)
    if (totalTokens <= this.paidTokens) return
    if (!this.isPatient) throw new HartonomousError('ERR_UNPAID', { peer: buyerId, reason: 'no voucher came' })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const check = () => totalTokens <= this.paidTokens && resolve()
    this.#checks.add(check)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    this.#send(uint(totalTokens)).catch(() => {})
    await promise.finally(() => this.#checks.delete(check))
  }

  async finish(work: Parameters<Sale['finish']>[0]): Promise<void> {
    this.work.push(work)
    await this.#send(receiptOf(work))
  }

  end(): void {
    this.ends++
  }
}

/** Pays whatever is due, in advance by `aheadTokens`. */
class PlainPurchase implements Purchase {
  readonly first = payment
  readonly answers: AnswerWork[] = []
  readonly receivedTokens: number[] = []
  receipt: Uint8Array | undefined
  hadReceiptAtFinish = false
  ends = 0
  send: (message: Uint8Array) => Promise<void> = () => Promise.reject(new Error('not attached'))
  readonly #aheadTokens: number | undefined

  constructor(aheadTokens: number | undefined) {
    this.#aheadTokens = aheadTokens
  }

  attach(send: (message: Uint8Array) => Promise<void>): void {
    this.send = send
  }

  receive(message: Uint8Array, receivedTokens: number): void {
    this.receivedTokens.push(receivedTokens)
    if (message.length > 4) this.receipt = message
    else if (this.#aheadTokens !== undefined) void this.send(uint(uintOf(message) + this.#aheadTokens)).catch(() => {})
  }

  async finish(answer: AnswerWork): Promise<void> {
    this.hadReceiptAtFinish = this.receipt !== undefined
    this.answers.push(answer)
  }

  end(): void {
    this.ends++
  }
}

function streamPair(): [FrameStream, FrameStream] {
  const { port1, port2 } = new MessageChannel()
  const options = { protocol: inferProtocol.id, frameBytesMax: inferProtocol.frameBytesMax }
  return [frameStream(port1, { ...options, peerId: sellerId }), frameStream(port2, { ...options, peerId: buyerId })]
}

describe('paid answers', () => {
  let engine: InferenceEngine
  let service: InferenceService
  const sales: PlainSale[] = []
  beforeAll(() => {
    engine = createLlamaEngine({ slots: 2, threads: 1, gpu: false })
    service = new InferenceService(engine)
  })
  afterAll(() => engine.close())
  afterEach(() => {
    sales.length = 0
  })

  const sell: Sell = async (_peerId, _modelId, first, send) => {
    if (first === undefined) return undefined
    const sale = new PlainSale(first, send)
    sales.push(sale)
    return sale
  }
  const open = (selling: Sell | undefined = sell) => {
    const [ours, theirs] = streamPair()
    const host = { service, findModel: async () => model }
    void serveInferStream(theirs, selling === undefined ? host : { ...host, sell: selling })
    return ours
  }
  const ask = (buy: Purchase | undefined, what = request, signal = never) =>
    inferOverPeer(open(), what, { signal, buy })
  const saleOpened = async () => {
    await expect.poll(() => sales.length, { interval: 1 }).toBe(1)
    return sales[0]!
  }
  const isIdle = () => expect.poll(() => service.status().running, { interval: 5 }).toBe(0)

  test('a paid answer is that of a free one, and its receipt comes before its end, the same to both', async () => {
    const free = await collectAnswer(ask(undefined))
    expect(sales).toEqual([])
    const buy = new PlainPurchase(40)
    const { text, end } = await collectAnswer(ask(buy))
    expect(text).toBe(free.text)
    expect(end).toMatchObject({ reason: 'stop', promptTokens: free.end.promptTokens })
    const sale = await saleOpened()
    expect(sale.first).toEqual(payment)
    expect(sale.asked[0]).toBe(end.promptTokens)
    const hash = outputHash(request)
    hash.add({ type: 'delta', text })
    expect(sale.work).toMatchObject([{ output: hash.digest(), reason: 'stop', promptTokens: end.promptTokens }])
    expect(sale.work[0]!.build).toContain('llama.cpp')
    expect(buy.answers).toHaveLength(1)
    expect(buy.hadReceiptAtFinish).toBe(true)
    expect(buy.receipt).toEqual(new Uint8Array(receiptOf(buy.answers[0]!)))
    expect(sale.work[0]!.completionTokens).toBe(buy.answers[0]!.completionTokens)
    expect(sale.asked.at(-1)).toBe(end.promptTokens + buy.answers[0]!.completionTokens)
    await expect.poll(() => [sale.ends, buy.ends]).toEqual([1, 1])
  })

  test('with credit that comes one token at a time, no more is ever sent than is paid', async () => {
    const buy = new PlainPurchase(undefined)
    let tokens = 0
    let isDone = false
    const answer = (async () => {
      let text = ''
      for await (const event of ask(buy)) {
        if (event.type !== 'delta') continue
        tokens += event.tokens
        text += event.text
        const sale = sales[0]!
        expect(sale.asked[0]! + tokens).toBeLessThanOrEqual(sale.paidTokens)
      }
      return text
    })().finally(() => {
      isDone = true
    })
    const sale = await saleOpened()
    while (!isDone) {
      sale.pay(sale.paidTokens + 1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await answer).toBe((await collectAnswer(ask(undefined))).text)
    expect(sale.asked).toEqual(sale.asked.toSorted((a, b) => a - b))
    expect(tokens).toBeGreaterThan(5)
  })

  test('without credit the prompt is not worked on; with a little, the engine is not far ahead of it', async () => {
    const long: PeerInferRequest = { ...request, prompt: chatPrompt('Tell me a story about a fox named Leo.') }
    const before = service.status().completionTokens
    const controller = new AbortController()
    const buy = new PlainPurchase(undefined)
    let sentTokens = 0
    const events: InferEvent[] = []
    const answer = (async () => {
      for await (const event of ask(buy, long, controller.signal)) {
        events.push(event)
        if (event.type === 'delta') sentTokens += event.tokens
      }
    })()
    const sale = await saleOpened()
    await expect.poll(() => sale.asked.length).toBe(1)
    const others = await collectAnswer(ask(undefined))
    expect(events.some((event) => event.type === 'delta')).toBe(false)
    sale.pay(sale.asked[0]! + 1)
    await expect.poll(() => sale.asked.length).toBeGreaterThan(1)
    // Time in which it would run on.
    await collectAnswer(ask(undefined))
    controller.abort()
    await answer
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'cancelled' })
    await isIdle()
    const worked = service.status().completionTokens - before - 2 * others.end.completionTokens
    const askedTokens = sale.asked.at(-1)! - sale.asked[0]!
    expect(sentTokens).toBeLessThanOrEqual(1)
    expect(worked).toBeLessThanOrEqual(askedTokens + pacedTokensAheadMax)
    await expect.poll(() => [sale.ends, buy.ends, sale.work.length]).toEqual([1, 1, 0])
  })

  test('an answer that is not paid ends with that error, under the name of who was not paid, and leaves nothing running', async () => {
    const impatient: Sell = async (peerId, id, first, send) => {
      const sale = (await sell(peerId, id, first, send)) as PlainSale
      sale.isPatient = false
      return sale
    }
    const buy = new PlainPurchase(0)
    const failed = collectAnswer(inferOverPeer(open(impatient), request, { signal: never, buy }))
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_UNPAID',
      fields: { peer: sellerId, reason: 'no voucher came' },
    })
    await isIdle()
    await expect.poll(() => [sales[0]!.ends, buy.ends, buy.answers.length]).toEqual([1, 1, 0])
    const refusing: Sell = async () => {
      throw new HartonomousError('ERR_UNPAID', { peer: sellerId, reason: 'this node works for pay only' })
    }
    const refused = collectAnswer(inferOverPeer(open(refusing), request, { signal: never }))
    await expect(refused).rejects.toMatchObject({ code: 'ERR_UNPAID' })
  })

  test('payments of one who is answered for free are passed over, and so are those of a node that nobody pays', async () => {
    const expected = (await collectAnswer(ask(undefined))).text
    const eager = new PlainPurchase(0)
    const free = inferOverPeer(open(undefined), request, { signal: never, buy: eager })
    const reader = free[Symbol.asyncIterator]()
    const first = await reader.next()
    await eager.send(uint(1))
    let text = first.value?.type === 'delta' ? first.value.text : ''
    for (let next = await reader.next(); !next.done; next = await reader.next())
      if (next.value.type === 'delta') text += next.value.text
    expect(text).toBe(expected)
    expect(eager.answers).toHaveLength(1)
    const chatty: Sell = async (_peerId, _modelId, _first, send) => {
      await send(uint(1))
      return undefined
    }
    const heard = await collectAnswer(inferOverPeer(open(chatty), request, { signal: never }))
    expect(heard.text).toBe(expected)
  })

  test('a flood of payments, or a second frame that is none, ends the session', async () => {
    const start: InferFrame = { type: 'start', ...request, payment }
    const flood = Array<InferFrame>(10 * paymentMessagesPerSecondMax).fill({ type: 'pay', message: uint(0) })
    for (const frames of [flood, [start]] as InferFrame[][]) {
      const stream = open()
      await stream.send(encodeInferFrame(start))
      const sale = await saleOpened()
      for (const frame of frames) void stream.send(encodeInferFrame(frame)).catch(() => {})
      await expect.poll(() => sale.ends).toBe(1)
      expect(sale.messages).toBeLessThan(2 * paymentMessagesPerSecondMax)
      await isIdle()
      sales.length = 0
    }
    const [ours, theirs] = streamPair()
    const failed = collectAnswer(inferOverPeer(ours, request, { signal: never, buy: new PlainPurchase(0) }))
    for (const frame of flood) void theirs.send(encodeInferFrame(frame)).catch(() => {})
    await expect(failed).rejects.toMatchObject({ code: 'ERR_PEER_PROTOCOL' })
  })

  test('a buyer that goes away while it owes frees the node', async () => {
    const buy = new PlainPurchase(undefined)
    const events = ask(buy)[Symbol.asyncIterator]()
    await events.next()
    const sale = await saleOpened()
    await expect.poll(() => sale.asked.length).toBe(1)
    await events.return(undefined)
    await isIdle()
    await expect.poll(() => [sale.ends, buy.ends, sale.work.length]).toEqual([1, 1, 0])
  })
})
