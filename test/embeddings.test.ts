import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type GgufPlan, type GgufTensorPlan, gguf, writeGguf } from '#node/ingest/gguf/write.ts'
import { bundledModel, ingest, type TestNode, TestNodes, until } from '#node/runtime/node.fixture.ts'
import { embeddings } from '#protocol/api/index.ts'
import { encodeInferFrame, inferProtocol, vectorOf } from '#protocol/infer/index.ts'

const model = 'hartonomous/hartling'
const dimensions = 128
const input = [
  'Tell me a story about a fox named Leo.',
  'Once upon a time a small fox lived in the forest.',
  'What is Hartonomous?',
]

let nodes: TestNodes
/** Holds the bundled model. */
let seed: TestNode
/** Holds the same model, but is of an earlier version: to it the frames of embeddings are reserved. */
let older: TestNode
/** Knows both; holds nothing. */
let light: TestNode
let askedOlder = 0
beforeAll(async () => {
  nodes = await TestNodes.create()
  seed = await nodes.start('seed', [], { 'inference.enabled': true, 'inference.slots': 1 })
  await ingest(seed, bundledModel, model)
  older = await nodes.start('older', [seed], { 'inference.enabled': true })
  await ingest(older, bundledModel, model)
  await answerAsEarlier(older)
  light = await nodes.start('light', [seed, older])
})
afterAll(() => nodes.close())

/** What version 1.0.0 as it was first says to any number that is reserved in it. Only the first handler is new to libp2p. */
async function answerAsEarlier({ node }: TestNode): Promise<void> {
  const refusal = { reason: 'frames of type 16 are not served by this version', modelId: '' }
  const { id, frameBytesMax } = inferProtocol
  const answered = node.parts.network.handle(id, { frameBytesMax }, async (stream) => {
    await stream.frames()[Symbol.asyncIterator]().next()
    askedOlder++
    await stream.send(encodeInferFrame({ type: 'error', error: { code: 'ERR_MODEL_UNSUPPORTED', fields: refusal } }))
    await stream.close()
  })
  await answered.catch(() => undefined)
}

const clientOf = (node: TestNode) => new OpenAI({ baseURL: `${node.apiUrl}/v1`, apiKey: 'none', maxRetries: 0 })
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)
const post = (node: TestNode, body: unknown) =>
  fetch(`${node.apiUrl}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

test('embeddings: the official client gets one vector of length 1 for each text, as numbers and as base64 alike', async () => {
  const client = clientOf(seed)
  // By itself this client asks for base64, and decodes it.
  const packed = await client.embeddings.create({ model, input })
  const plain = await client.embeddings.create({ model, input, encoding_format: 'float', dimensions })
  expect(plain.data.map(({ index }) => index)).toEqual([0, 1, 2])
  for (const [at, { embedding }] of plain.data.entries()) {
    expect(embedding).toHaveLength(dimensions)
    expect(dot(embedding, embedding)).toBeCloseTo(1, 5)
    expect([...packed.data[at]!.embedding]).toEqual(embedding)
  }
  expect(packed.usage).toEqual(plain.usage)
  expect(plain.usage.prompt_tokens).toBeGreaterThan(20)
  expect(embeddings.parse(plain)).toMatchObject({ model, x_hartonomous: { quality: 'low' } })
  const [fox, forest, question] = plain.data.map(({ embedding }) => embedding) as [number[], number[], number[]]
  expect(dot(fox, forest)).toBeGreaterThan(dot(fox, question) + 0.2)
  const body = embeddings.parse(await (await post(seed, { model, input: input[0], encoding_format: 'base64' })).json())
  const raw = Buffer.from(body.data[0]!.embedding as string, 'base64')
  expect([...vectorOf(raw)]).toEqual(fox)
})

test('embeddings: a node without the model gets the same vectors from a peer, also where an older one is asked first', async () => {
  await until('both can be asked', async () =>
    (await light.node.answers.models()).some((each) => each.id === model && each.details?.['peers'] === 2),
  )
  const here = await clientOf(seed).embeddings.create({ model, input })
  // Among equals the lot decides who is asked: in so many requests it falls on both.
  for (let asked = 0; askedOlder === 0 || asked < 3; asked++) {
    expect(asked).toBeLessThan(60)
    const { data, response } = await clientOf(light).embeddings.create({ model, input }).withResponse()
    expect(data.data).toEqual(here.data)
    expect(data.usage).toEqual(here.usage)
    expect(embeddings.parse(data).x_hartonomous).toEqual({ quality: 'low' })
    expect(response.headers.get('x-hartonomous-peer')).toBe(seed.node.parts.network.peerId)
  }
})

test('embeddings: what cannot be done is refused by the name of its field, here and over a peer', async () => {
  const refused: [Record<string, unknown>, number, Record<string, unknown>][] = [
    [{ input: [1, 2, 3] }, 400, { param: 'input[0]', message: expect.stringContaining('tokens are not supported') }],
    [{ input: [[1, 2], [3]] }, 400, { param: 'input[0]' }],
    [{ input: '' }, 400, { param: 'input' }],
    [{ input: [] }, 400, { param: 'input' }],
    [{ input: ['a', ''] }, 400, { param: 'input[1]' }],
    [{ input: Array(3000).fill('a') }, 400, { param: 'input' }],
    [{}, 400, { param: 'input' }],
    [{ input: 'a', encoding_format: 'hex' }, 400, { param: 'encoding_format' }],
    [{ input: 'a', dimensions: 64 }, 400, { param: 'dimensions' }],
    [{ input: 'word '.repeat(3000) }, 400, { code: 'context_length_exceeded' }],
    [{ input: 'a', model: 'nobody/nothing' }, 404, { code: 'model_not_found' }],
  ]
  for (const node of [seed, light]) {
    for (const [change, status, error] of refused) {
      const response = await post(node, { model, ...change })
      expect([await response.json(), response.status]).toMatchObject([{ error }, status])
    }
  }
  const answer = await clientOf(light).embeddings.create({ model, input: 'a', dimensions })
  expect(answer.data).toHaveLength(1)
})

test('embeddings: a request whose traceparent is none is answered all the same, by HTTP and by a chosen peer', async () => {
  const response = await fetch(`${light.apiUrl}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: '00-not-one' },
    body: JSON.stringify({ model, input: 'a' }),
  })
  expect(response.status).toBe(200)
  const { modelId } = (await light.node.answers.models()).find(({ id }) => id === model)!
  const { signal } = new AbortController()
  const request = { modelId, inputs: ['a'], traceparent: 'not one' }
  const bought = await light.node.answers.inferAt(seed.node.parts.network.peerId, request, { signal })
  const types: string[] = []
  for await (const { type } of bought.events) types.push(type)
  expect(types.slice(-2)).toEqual(['embedding', 'end'])
})

test('embeddings: a client that goes away frees the place of the node that works for it', async () => {
  const many = Array.from({ length: 2000 }, (_, at) => `Tell me story number ${at}.`)
  for (const node of [seed, light]) {
    const controller = new AbortController()
    const failed = clientOf(node)
      .embeddings.create({ model, input: many }, { signal: controller.signal })
      .catch((error: unknown) => error)
    await until('it works', () => seed.node.answers.running() === 1)
    controller.abort()
    expect(await failed).toBeInstanceOf(OpenAI.APIUserAbortError)
    await until('it is free', () => seed.node.answers.running() === 0)
  }
})

test('embeddings: an encoder gives vectors that are called so, reads both ways, and does not chat', async () => {
  const path = join(nodes.folder, 'encoder.gguf')
  await writeGguf(path, tinyEncoder())
  await ingest(seed, path, 'org/encoder')
  const body = { model: 'org/encoder', input: ['a', 'b', 'a'], encoding_format: 'float' }
  const answer = embeddings.parse(await (await post(seed, body)).json())
  expect(answer.x_hartonomous).toEqual({ quality: 'encoder' })
  const [first, second, third] = answer.data.map(({ embedding }) => embedding as number[])
  expect(first).toHaveLength(encoder.width)
  expect(third).toEqual(first)
  expect(second).not.toEqual(first)
  const chat = clientOf(seed).completions.create({ model: 'org/encoder', prompt: 'a' })
  await expect(chat).rejects.toMatchObject({ code: 'ERR_MODEL_UNSUPPORTED' })
})

const encoder = { width: 32, layers: 1, ffnWidth: 64, contextTokens: 64 }

/** A BERT with random weights and mean pooling. Names and keys: llama.cpp, `llama-arch.cpp`. */
function tinyEncoder(): GgufPlan {
  const { width, layers, ffnWidth, contextTokens } = encoder
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '\u2581a', '\u2581b']
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32 - 0.5
  }
  const tensor = (name: string, shape: number[], value = random): GgufTensorPlan => ({
    name,
    dtype: 'F32',
    shape,
    data: () => {
      const count = shape.reduce((product, size) => product * size, 1)
      return [new Uint8Array(Float32Array.from({ length: count }, value).buffer)]
    },
  })
  const pair = (name: string, shape: number[], value?: () => number) => [
    tensor(`${name}.weight`, shape, value),
    tensor(`${name}.bias`, shape.slice(0, 1)),
  ]
  const norm = (name: string) => pair(name, [width], () => 1)
  const blocks = Array.from({ length: layers }, (_, layer) => `blk.${layer}`).flatMap((block) => [
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].flatMap((name) => pair(`${block}.${name}`, [width, width])),
    ...norm(`${block}.attn_output_norm`),
    ...pair(`${block}.ffn_up`, [ffnWidth, width]),
    ...pair(`${block}.ffn_down`, [width, ffnWidth]),
    ...norm(`${block}.layer_output_norm`),
  ])
  const u32 = (value: number) => ({ type: 'u32', value }) as const
  return {
    values: {
      'general.architecture': gguf.text('bert'),
      'bert.context_length': u32(contextTokens),
      'bert.embedding_length': u32(width),
      'bert.block_count': u32(layers),
      'bert.feed_forward_length': u32(ffnWidth),
      'bert.attention.head_count': u32(2),
      'bert.attention.layer_norm_epsilon': { type: 'f32', value: 1e-12 },
      'bert.attention.causal': { type: 'bool', value: false },
      'bert.pooling_type': u32(1),
      'tokenizer.ggml.model': gguf.text('bert'),
      'tokenizer.ggml.token_type_count': u32(2),
      'tokenizer.ggml.tokens': { type: 'array', itemType: 'string', items: words },
      'tokenizer.ggml.token_type': { type: 'array', itemType: 'i32', items: [3, 3, 3, 3, 3, 1, 1] },
      'tokenizer.ggml.padding_token_id': u32(0),
      'tokenizer.ggml.unknown_token_id': u32(1),
      'tokenizer.ggml.cls_token_id': u32(2),
      'tokenizer.ggml.bos_token_id': u32(2),
      'tokenizer.ggml.seperator_token_id': u32(3),
    },
    tensors: [
      tensor('token_embd.weight', [words.length, width]),
      tensor('token_types.weight', [2, width]),
      tensor('position_embd.weight', [contextTokens, width]),
      ...norm('token_embd_norm'),
      ...blocks,
    ],
  }
}
