import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { encodeFrame, FrameDecoder } from './frame-codec.ts'

test('frame codec: what was encoded comes out again, however the stream is cut', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), cuts, (frames, sizes) => {
      const stream = Buffer.concat(frames.map(encodeFrame))
      const decoder = new FrameDecoder(300, 'test')
      const out: Buffer[] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const end = at + sizes[turn % sizes.length]!
        for (const frame of decoder.push(stream.subarray(at, end))) out.push(Buffer.from(frame))
        at = end
      }
      expect(out).toEqual(frames.map((frame) => Buffer.from(frame)))
      expect(decoder.atBoundary).toBe(true)
    }),
  )
})

test('frame codec: random bytes give frames within the limit or one of our errors', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 0, max: 100 }), (bytes, limit) => {
      try {
        for (const frame of new FrameDecoder(limit, 'test').push(bytes)) expect(frame.length).toBeLessThanOrEqual(limit)
      } catch (error) {
        expect(isHartonomousError(error, 'ERR_LIMIT') || isHartonomousError(error, 'ERR_DECODE')).toBe(true)
      }
    }),
  )
})

test('frame codec: a length over the limit is refused before any of its bytes arrive', () => {
  const decoder = new FrameDecoder(1000, 'test')
  const prefix = encodeFrame(new Uint8Array(1001)).subarray(0, 2)
  expect(() => [...decoder.push(prefix)]).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }))
})

test('frame codec: endless and padded lengths are refused', () => {
  for (const bytes of [
    [0xff, 0xff, 0xff, 0xff],
    [0x80, 0x00],
  ]) {
    const decoder = new FrameDecoder(2 ** 28, 'test')
    expect(() => [...decoder.push(new Uint8Array(bytes))]).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
  }
})
