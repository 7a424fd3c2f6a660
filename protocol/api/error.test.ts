import { expect, test } from 'vitest'
import { type ErrorCode, errorRules, HartonomousError } from '../errors.ts'
import { errorToOpenAi, errorToProblem } from './index.ts'

test('openai error: a full queue says when to come back', () => {
  const error = new HartonomousError('ERR_QUEUE_FULL', { retryAfterMs: 1200, depth: 16 })
  expect(errorToOpenAi(error)).toEqual({
    status: 429,
    headers: { 'content-type': 'application/json; charset=utf-8', 'retry-after': '2', 'retry-after-ms': '1200' },
    body: {
      error: { message: error.message, type: 'rate_limit_error', param: null, code: 'rate_limit_exceeded' },
      x_hartonomous: { code: 'ERR_QUEUE_FULL', fields: { retryAfterMs: 1200, depth: 16 } },
    },
  })
})

test('openai error: uses the codes that clients know', () => {
  const missing = errorToOpenAi(new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: 'gpt-4' }))
  expect(missing.status).toBe(404)
  expect(missing.body.error).toMatchObject({ code: 'model_not_found', param: 'model', type: 'not_found_error' })
  const context = new HartonomousError('ERR_CONTEXT_LENGTH', { promptTokens: 9, contextTokens: 8 })
  expect(errorToOpenAi(context).body.error.code).toBe('context_length_exceeded')
  const usage = new HartonomousError('ERR_USAGE', { message: 'n: one only', param: 'n' })
  expect(errorToOpenAi(usage)).toMatchObject({ status: 400, body: { error: { param: 'n', message: 'n: one only' } } })
  expect(errorToOpenAi(usage).headers).not.toHaveProperty('retry-after')
})

test('openai error: a 503 without a time is worth trying after a heartbeat, if at all', () => {
  const noSource = new HartonomousError('ERR_NO_SOURCE', { subject: 'x', reason: 'y' })
  expect(errorToOpenAi(noSource).headers['retry-after']).toBe('10')
  const noEngine = new HartonomousError('ERR_ENGINE_UNAVAILABLE', { reason: 'not installed' })
  expect(errorToOpenAi(noEngine)).toMatchObject({ status: 503 })
  expect(errorToOpenAi(noEngine).headers).not.toHaveProperty('retry-after')
})

test('problem: has the members of RFC 9457 and a stable code', () => {
  const error = new HartonomousError('ERR_NODE_RUNNING', { dataDir: '/data', pid: 5 })
  expect(errorToProblem(error)).toEqual({
    status: 409,
    headers: { 'content-type': 'application/problem+json' },
    body: {
      type: 'urn:hartonomous:error:ERR_NODE_RUNNING',
      title: 'Node running',
      status: 409,
      detail: error.message,
      code: 'ERR_NODE_RUNNING',
      fields: { dataDir: '/data', pid: 5 },
      fix: 'hart status, or another --data-dir',
    },
  })
})

test('errors: every code has an OpenAI and a problem form with a fitting status', () => {
  for (const code of Object.keys(errorRules) as ErrorCode[]) {
    const fields = { message: 'm', kind: 'k', id: 'i', text: 't', root: 'r', file: 'f', reason: 'r', param: 'p' }
    const error = new HartonomousError(code, fields as never)
    const { status, body } = errorToOpenAi(error)
    expect(status, code).toBe(errorRules[code].http)
    expect(body.error.message, code).toBe(error.message)
    expect(errorToProblem(error).body.status, code).toBe(status)
  }
})
