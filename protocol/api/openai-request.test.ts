import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isHartonomousError } from '../errors.ts'
import { chatTokensDefault, inferenceTokensMax } from '../limits.ts'
import { parseChatCompletionRequest, parseCompletionRequest, parseEmbeddingsRequest } from './index.ts'

const messages = [{ role: 'user', content: 'Hi' }]
const chat = (change: Record<string, unknown> = {}) => parseChatCompletionRequest({ model: 'm', messages, ...change })
const complete = (change: Record<string, unknown> = {}) =>
  parseCompletionRequest({ model: 'm', prompt: 'Hi', ...change })

describe('chat request', () => {
  test('chat request: the shortest one gets the documented defaults', () => {
    expect(chat()).toEqual({
      model: 'm',
      prompt: { type: 'chat', messages },
      sampling: { temperature: 1, topP: 1, topK: 40, maxTokens: chatTokensDefault, stop: [] },
      isStream: false,
      hasUsage: false,
    })
  })

  test('chat request: takes what the official clients send', () => {
    const parsed = chat({
      temperature: 0,
      top_p: 0.5,
      max_completion_tokens: 7,
      max_tokens: 9,
      seed: -3,
      stop: ['\n', 'END'],
      stream: true,
      stream_options: { include_usage: true },
      n: 1,
      user: 'u-1',
      presence_penalty: 0,
      tools: [],
      response_format: { type: 'text' },
      parallel_tool_calls: true,
      metadata: { a: 'b' },
    })
    expect(parsed.sampling).toEqual({
      temperature: 0,
      topP: 0.5,
      topK: 40,
      maxTokens: 7,
      seed: -3,
      stop: ['\n', 'END'],
    })
    expect(parsed.isStream && parsed.hasUsage).toBe(true)
  })

  test('chat request: null is the same as absent', () => {
    const names = [
      'temperature',
      'top_p',
      'max_tokens',
      'stop',
      'seed',
      'stream',
      'stream_options',
      'n',
      'tools',
      'logprobs',
    ]
    expect(chat(Object.fromEntries(names.map((name) => [name, null])))).toEqual(chat())
  })

  test('chat request: text parts are joined, developer means system', () => {
    const parts = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b', cache_control: {} },
    ]
    const parsed = chat({
      messages: [
        { role: 'developer', content: 'd' },
        { role: 'user', content: parts, name: 'x' },
      ],
    })
    expect(parsed.prompt).toEqual({
      type: 'chat',
      messages: [
        { role: 'system', content: 'd' },
        { role: 'user', content: 'ab' },
      ],
    })
  })

  test('chat request: one stop sequence may be plain text, and a huge token limit is cut', () => {
    expect(chat({ stop: '###', max_tokens: 1e9 }).sampling).toMatchObject({
      stop: ['###'],
      maxTokens: inferenceTokensMax,
    })
  })

  test('chat request: what UTF-8 cannot hold is replaced in prompts and refused in stop sequences', () => {
    const parsed = chat({ messages: [{ role: 'user', content: 'a\ud83d' }] })
    expect(parsed.prompt).toEqual({ type: 'chat', messages: [{ role: 'user', content: 'a\ufffd' }] })
    expect(complete({ prompt: '\ude00' }).prompt).toEqual({ type: 'completion', text: '\ufffd' })
    expect(() => chat({ stop: '\ude00' })).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  })

  test.each<[param: string | undefined, change: Record<string, unknown>]>([
    ['model', { model: '' }],
    ['model', { model: 7 }],
    ['messages', { messages: [] }],
    ['messages', { messages: 'Hi' }],
    ['messages[0].role', { messages: [{ role: 'tool', content: 'x', tool_call_id: '1' }] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    [
      'messages[0].content[1].type',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: '' },
              { type: 'image_url', image_url: {} },
            ],
          },
        ],
      },
    ],
    ['messages[0].tool_calls', { messages: [{ role: 'assistant', content: '', tool_calls: [{ id: '1' }] }] }],
    ['temperature', { temperature: 2.1 }],
    ['temperature', { temperature: 'hot' }],
    ['top_p', { top_p: -1 }],
    ['max_tokens', { max_tokens: 0 }],
    ['max_completion_tokens', { max_completion_tokens: 1.5 }],
    ['stop', { stop: ['1', '2', '3', '4', '5'] }],
    ['stop', { stop: 5 }],
    ['seed', { seed: 0.5 }],
    ['stream', { stream: 'yes' }],
    ['stream_options.include_usage', { stream_options: { include_usage: 1 } }],
    ['n', { n: 2 }],
    ['tools', { tools: [{ type: 'function' }] }],
    ['logprobs', { logprobs: true }],
    ['response_format.type', { response_format: { type: 'json_object' } }],
  ])('chat request: names %s when it is not allowed', (param, change) => {
    expect(() => chat(change)).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE', fields: expect.objectContaining({ param }) }),
    )
  })

  test.each([null, undefined, 'text', 5, []])('chat request: a body that is no object is refused (%j)', (body) => {
    expect(() => parseChatCompletionRequest(body)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  })
})

describe('completion request', () => {
  test('completion request: takes one prompt, alone or as a list of one', () => {
    expect(complete().prompt).toEqual({ type: 'completion', text: 'Hi' })
    expect(complete({ prompt: ['Hi'] })).toEqual(complete())
    expect(complete().sampling.maxTokens).toBe(16)
  })

  test.each<[string, Record<string, unknown>]>([
    ['prompt', { prompt: ['a', 'b'] }],
    ['prompt', { prompt: [1, 2] }],
    ['prompt', { prompt: null }],
    ['echo', { echo: true }],
    ['suffix', { suffix: 'x' }],
    ['best_of', { best_of: 3 }],
    ['logprobs', { logprobs: 5 }],
  ])('completion request: names %s when it is not allowed', (name, change) => {
    expect(() => complete(change)).toThrow(
      expect.objectContaining({
        code: 'ERR_USAGE',
        fields: expect.objectContaining({ param: expect.stringContaining(name) }),
      }),
    )
  })
})

test('openai requests: any JSON gives a request or a usage error', () => {
  const names = ['messages', 'prompt', 'stop', 'stream', 'seed', 'tools', 'temperature', 'stream_options', 'input']
  const bodies = fc.oneof(
    fc.jsonValue(),
    fc
      .record({ model: fc.constant('m'), field: fc.constantFrom(...names), value: fc.jsonValue() })
      .map(({ model, field, value }) => ({ model, messages, prompt: 'x', [field]: value })),
  )
  fc.assert(
    fc.property(bodies, (body) => {
      for (const parse of [parseChatCompletionRequest, parseCompletionRequest, parseEmbeddingsRequest]) {
        try {
          parse(body)
        } catch (error) {
          expect(isHartonomousError(error, 'ERR_USAGE')).toBe(true)
        }
      }
    }),
    { numRuns: 500 },
  )
})
