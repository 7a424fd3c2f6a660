import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blake3 } from '../codec/blake3.ts'
import type { ExtentRoot } from '../ids.ts'
import { modelBytesMax, rangesPerRequestMax } from '../limits.ts'
import { type ChunkRange, chunkFrameHeaderBytes, encodeRequest, ServedTranscript } from './index.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const range = fc.record({
  root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => hex(bytes) as ExtentRoot),
  offsetBytes: fc.integer({ min: 0, max: modelBytesMax - 4096 }),
  lengthBytes: fc.integer({ min: 1, max: 4096 }),
})
const sizeOf = (ranges: readonly ChunkRange[]) => ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
const requests = fc.array(fc.array(range, { minLength: 1, maxLength: rangesPerRequestMax }), { maxLength: 12 })

test('served transcript: golden digests of nothing, and of one range', () => {
  const served = new ServedTranscript()
  expect(served.snapshot().bytes).toBe(0)
  expect(hex(served.snapshot().transcript)).toBe('af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262')
  served.add([{ root: '11'.repeat(32) as ExtentRoot, offsetBytes: 5 * 2 ** 30, lengthBytes: 131_072 }])
  const bytes = `${'11'.repeat(32)}000000400100000000000200`
  expect(served.snapshot()).toEqual({ bytes: 131_072, transcript: blake3(Buffer.from(bytes, 'hex')) })
})

test('served transcript: is the hash of the bodies of the requests, wherever it is looked at in between', () => {
  fc.assert(
    fc.property(requests, fc.array(fc.boolean(), { maxLength: 12 }), (served, looks) => {
      const transcript = new ServedTranscript()
      for (const [at, ranges] of served.entries()) {
        transcript.add(ranges)
        if (looks[at]) transcript.snapshot()
      }
      const bodies = served.map((ranges) => encodeRequest(1, ranges).subarray(chunkFrameHeaderBytes))
      const bytes = sizeOf(served.flat())
      expect(transcript.snapshot()).toEqual({ bytes, transcript: blake3(Buffer.concat(bodies)) })
      expect(transcript.bytes).toBe(bytes)
    }),
  )
})

test('served transcript: a long session is hashed in parts, and is the same hash', () => {
  const ranges = Array.from({ length: 1000 }, (_, index) => [
    { root: '22'.repeat(32) as ExtentRoot, offsetBytes: index * 4096, lengthBytes: 4096 },
  ])
  const transcript = new ServedTranscript()
  for (const one of ranges) transcript.add(one)
  const bodies = ranges.map((one) => encodeRequest(1, one).subarray(chunkFrameHeaderBytes))
  expect(transcript.snapshot()).toEqual({ bytes: 1000 * 4096, transcript: blake3(Buffer.concat(bodies)) })
})

test('served transcript: the same ranges in another order are another transcript', () => {
  const one = { root: '11'.repeat(32) as ExtentRoot, offsetBytes: 0, lengthBytes: 1 }
  const two = { ...one, offsetBytes: 1 }
  const [forth, back] = [new ServedTranscript(), new ServedTranscript()]
  forth.add([one, two])
  back.add([two, one])
  expect(hex(forth.snapshot().transcript)).not.toBe(hex(back.snapshot().transcript))
})
