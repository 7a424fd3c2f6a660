import { expect, test } from 'vitest'
import {
  type ErrorCode,
  errorFromWire,
  errorRules,
  errorToWire,
  HartonomousError,
  isHartonomousError,
  remedyOf,
} from './errors.ts'

test('errors: one keeps its code and fields over the wire', () => {
  const error = new HartonomousError('ERR_PEER_BUSY', { peer: 'p', retryAfterMs: 5 })
  const copy = errorFromWire(structuredClone(errorToWire(error)))
  expect(copy).toMatchObject({ code: 'ERR_PEER_BUSY', fields: { peer: 'p', retryAfterMs: 5 }, message: error.message })
  expect(isHartonomousError(copy, 'ERR_PEER_BUSY')).toBe(true)
  expect(isHartonomousError(copy, 'ERR_IO')).toBe(false)
})

test('errors: any other failure crosses as ERR_IO', () => {
  expect(errorToWire(new TypeError('x is not a function'))).toEqual({
    code: 'ERR_IO',
    fields: { path: 'internal', reason: 'x is not a function' },
  })
})

test.each([
  { code: 'ERR_FROM_THE_FUTURE', fields: {} },
  { code: 'constructor', fields: {} },
  { code: 'ERR_CHUNK_MISMATCH', fields: {} },
  { code: '', fields: { reason: 1 } },
])('errors: $code with odd fields from a peer throws nothing', (wire) => {
  expect(errorFromWire(wire).code).toBe('ERR_IO')
})

test('errors: every rule is whole', () => {
  for (const code of Object.keys(errorRules) as ErrorCode[]) {
    const { http, exit, retryable } = errorRules[code]
    expect(http, code).toBeGreaterThanOrEqual(400)
    expect([1, 2, 3, 4], code).toContain(exit)
    expect(typeof retryable, code).toBe('boolean')
  }
  expect(remedyOf(new HartonomousError('ERR_NODE_NOT_RUNNING', { dataDir: 'd' }))).toBe('hart up')
})
