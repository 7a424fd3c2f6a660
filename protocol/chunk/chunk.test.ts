import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import type { ExtentRoot } from '../ids.ts'
import {
  blockBytesMax,
  chunkBytes,
  chunkRequestBytesMax,
  modelBytesMax,
  paymentMessageBytesMax,
  rangesPerRequestMax,
} from '../limits.ts'
import {
  type ChunkControlFrame,
  ChunkFrameParser,
  type ChunkRange,
  chunkFrameHeaderBytes,
  chunkOp,
  chunkStatus,
  decodeControlBody,
  decodeFrameHeader,
  encodeCancel,
  encodeDataHeader,
  encodeFrameHeader,
  encodeHello,
  encodePay,
  encodePing,
  encodePong,
  encodeRecheck,
  encodeRecheckResult,
  encodeRefuse,
  encodeRequest,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const withCode = (code: string) => expect.objectContaining({ code })

function encodeFrame(frame: ChunkControlFrame): Uint8Array {
  switch (frame.op) {
    case chunkOp.hello:
      return encodeHello(frame.hello)
    case chunkOp.request:
      return encodeRequest(frame.requestId, frame.ranges)
    case chunkOp.refuse:
      return encodeRefuse(frame.requestId, frame.status, frame.retryAfterMs)
    case chunkOp.cancel:
      return encodeCancel(frame.requestId)
    case chunkOp.ping:
      return encodePing(frame.requestId, frame.body)
    case chunkOp.pong:
      return encodePong(frame.requestId, frame.body)
    case chunkOp.recheck:
      return encodeRecheck(frame.requestId, frame.range)
    case chunkOp.recheckResult:
      return encodeRecheckResult(frame.requestId, frame.status)
    case chunkOp.pay:
      return encodePay(frame.body)
  }
}

function decodeFrame(bytes: Uint8Array): ChunkControlFrame {
  return decodeControlBody(decodeFrameHeader(bytes), bytes.subarray(chunkFrameHeaderBytes))
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const root = bytesOf(32).map((bytes) => hex(bytes) as ExtentRoot)
const range = fc.record({
  root,
  offsetBytes: fc.integer({ min: 0, max: modelBytesMax - blockBytesMax }),
  lengthBytes: fc.integer({ min: 1, max: blockBytesMax / rangesPerRequestMax }),
})
const ranges = fc.array(range, { minLength: 1, maxLength: rangesPerRequestMax })
const frames: fc.Arbitrary<ChunkControlFrame> = fc.oneof(
  fc.record({
    op: fc.constant(chunkOp.hello),
    requestId: fc.constant(0),
    hello: fc.record({
      version: fc.integer({ min: 1, max: 0xffff }),
      role: fc.constantFrom('fetch', 'serve'),
      token: bytesOf(32),
    }),
  }),
  fc.record({ op: fc.constant(chunkOp.request), requestId: u32, ranges }),
  fc.record({
    op: fc.constant(chunkOp.refuse),
    requestId: u32,
    status: fc.constantFrom(chunkStatus.notHeld, chunkStatus.busy, chunkStatus.internal, chunkStatus.unpaid),
    retryAfterMs: u32,
  }),
  fc.record({ op: fc.constant(chunkOp.cancel), requestId: u32 }),
  fc.record({
    op: fc.constantFrom(chunkOp.ping, chunkOp.pong),
    requestId: u32,
    body: fc.uint8Array({ maxLength: 8 }),
  }),
  fc.record({
    op: fc.constant(chunkOp.recheck),
    requestId: u32,
    range: fc.record({
      root,
      offsetBytes: fc.integer({ min: 0, max: modelBytesMax / chunkBytes - 1 }).map((index) => index * chunkBytes),
      lengthBytes: fc.integer({ min: 1, max: chunkBytes }),
    }),
  }),
  fc.record({
    op: fc.constant(chunkOp.recheckResult),
    requestId: u32,
    status: fc.constantFrom(chunkStatus.ok, chunkStatus.withdrawn),
  }),
  fc.record({
    op: fc.constant(chunkOp.pay),
    requestId: fc.constant(0),
    body: fc.uint8Array({ minLength: 1, maxLength: paymentMessageBytesMax }),
  }),
)

describe('chunk frame', () => {
  test.each(vectors as Vector[])('chunk frame: golden bytes of $name', (vector) => {
    const bytes = vectorBytes(vector)
    const value = vectorValue(vector.value) as ChunkControlFrame
    if (bytes[0] === chunkOp.data) {
      expect(decodeFrameHeader(bytes)).toEqual(value)
      expect(hex(encodeDataHeader(7, blockBytesMax))).toBe(vector.hex)
    } else {
      expect(decodeFrame(bytes)).toEqual(value)
      expect(hex(encodeFrame(value))).toBe(vector.hex)
    }
  })

  test('chunk frame: decodes what it encoded', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decodeFrame(encodeFrame(frame))).toEqual(frame)
      }),
    )
  })

  test('chunk frame: a full request fits its limit', () => {
    const full = Array.from({ length: rangesPerRequestMax }, () => ({
      root: '44'.repeat(32) as ExtentRoot,
      offsetBytes: modelBytesMax - blockBytesMax,
      lengthBytes: blockBytesMax / rangesPerRequestMax,
    }))
    expect(encodeRequest(1, full).length).toBeLessThanOrEqual(chunkRequestBytesMax)
    expect(() => encodeRequest(1, [...full, full[0]!])).toThrow(withCode('ERR_LIMIT'))
  })

  test('chunk frame: refuses a request for more than a block', () => {
    const half: ChunkRange = { root: '44'.repeat(32) as ExtentRoot, offsetBytes: 0, lengthBytes: blockBytesMax / 2 + 1 }
    expect(() => encodeRequest(1, [half, half])).toThrow(withCode('ERR_LIMIT'))
    const bytes = encodeRequest(1, [half])
    const body = bytes.subarray(chunkFrameHeaderBytes)
    const twice = Buffer.concat([
      encodeFrameHeader({ op: chunkOp.request, status: 0, requestId: 1, bodyBytes: body.length * 2 }),
      body,
      body,
    ])
    expect(() => decodeFrame(twice)).toThrow(withCode('ERR_LIMIT'))
  })

  test.each([
    ['an unknown op', '0b0000000100000000000000'],
    ['op 0', '000000000100000000000000'],
    ['a reserved bit', '050001000100000000000000'],
    ['a status on a cancel', '050100000100000000000000'],
    ['a refusal without a reason', '04000000010000000400000000000000'],
    ['an unknown status', '04070000010000000400000000000000'],
    ['an empty data frame', '030000000100000000000000'],
    ['an empty payment', '0a0000000100000000000000'],
    ['a status on a payment', '0a060000000000000100000000'],
    ['a request cut in a range', `02000000010000002d000000${'00'.repeat(45)}`],
    ['an empty range', `02000000010000002c000000${'00'.repeat(44)}`],
    ['an offset past 2^53', `02000000010000002c000000${'00'.repeat(32)}ffffffffffffffff01000000`],
    ['a recheck inside a chunk', `08000000010000002c000000${'00'.repeat(32)}010000000000000001000000`],
    ['a body shorter than its header says', '0600000001000000080000000000'],
    ['a hello of version 0', `010000000000000024000000000000000${'0'.repeat(63)}`],
  ])('chunk frame: refuses %s', (_, frameHex) => {
    expect(() => decodeFrame(vectorBytes({ hex: frameHex }))).toThrow(withCode('ERR_DECODE'))
  })

  test('chunk frame: refuses a body over the limit of its op from the header alone', () => {
    for (const op of Object.values(chunkOp)) {
      const status = op === chunkOp.refuse ? chunkStatus.busy : chunkStatus.ok
      const header = encodeFrameHeader({ op, status, requestId: 1, bodyBytes: blockBytesMax + 1 })
      expect(() => decodeFrameHeader(header), `op ${op}`).toThrow(withCode('ERR_LIMIT'))
    }
  })

  test('chunk frame: a payment of more than its limit is refused on both sides', () => {
    const body = new Uint8Array(paymentMessageBytesMax + 1)
    expect(() => encodePay(body)).toThrow(withCode('ERR_LIMIT'))
    const header = encodeFrameHeader({ op: chunkOp.pay, status: 0, requestId: 0, bodyBytes: body.length })
    expect(() => decodeFrameHeader(header)).toThrow(withCode('ERR_LIMIT'))
  })

  test('chunk frame: random and mutated bytes give typed errors only', () => {
    const samples = (vectors as Vector[]).map(vectorBytes).filter((bytes) => bytes[0] !== chunkOp.data)
    fuzzDecoder(decodeFrame, { samples, runs: 20_000 })
  })
})

/** Collects what a parser reports; data bodies are put together again. */
function collect(role: 'serve' | 'fetch' | 'undecided') {
  const seen: ChunkControlFrame[] = []
  const data = new Map<number, { bytes: number[]; isComplete: boolean; bodyBytes: number }>()
  const parser = new ChunkFrameParser(
    {
      onFrame: (frame) => {
        seen.push(frame)
        if (frame.op === chunkOp.hello) parser.role = frame.hello.role === 'fetch' ? 'serve' : 'fetch'
      },
      onData: (requestId, slice, isLast, bodyBytes) => {
        const body = data.get(requestId) ?? { bytes: [], isComplete: false, bodyBytes }
        data.set(requestId, body)
        body.bytes.push(...slice)
        body.isComplete = isLast
      },
    },
    role,
  )
  return { parser, seen, data }
}

/** Pushes `bytes` in pieces of the given sizes, empty ones too, then the rest. */
function pushInPieces(parser: ChunkFrameParser, bytes: Uint8Array, sizes: readonly number[]): void {
  let at = 0
  for (const size of sizes) {
    parser.push(bytes.subarray(at, at + size))
    at += size
  }
  parser.push(bytes.subarray(at))
}

const serverFrames = frames.filter(
  (frame) =>
    frame.op === chunkOp.request ||
    frame.op === chunkOp.cancel ||
    frame.op === chunkOp.recheck ||
    frame.op === chunkOp.ping ||
    frame.op === chunkOp.pay,
)
const pieceSizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 3000 })), {
  maxLength: 60,
})

describe('chunk frame parser', () => {
  test('chunk frame parser: gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(serverFrames, { maxLength: 8 }), pieceSizes, (sent, sizes) => {
        const { parser, seen } = collect('serve')
        pushInPieces(parser, Buffer.concat(sent.map(encodeFrame)), sizes)
        expect(seen).toEqual(sent)
        expect(parser.isAtBoundary).toBe(true)
      }),
    )
  })

  test('chunk frame parser: streams data bodies however the stream is cut', () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(bodies, pieceSizes, (sent, sizes) => {
        const { parser, seen, data } = collect('fetch')
        const stream = sent.flatMap((body, id) => [
          encodeDataHeader(id, body.length),
          body,
          encodePong(id, body.subarray(0, 3)),
        ])
        pushInPieces(parser, Buffer.concat(stream), sizes)
        expect(seen.length).toBe(sent.length)
        expect([...data.values()]).toEqual(
          sent.map((body) => ({ bytes: [...body], isComplete: true, bodyBytes: body.length })),
        )
      }),
    )
  })

  test('chunk frame parser: one byte at a time', () => {
    const { parser, seen, data } = collect('undecided')
    const stream = Buffer.concat([
      encodeHello({ version: 1, role: 'serve', token: new Uint8Array(32) }),
      encodeDataHeader(3, 5),
      Uint8Array.of(1, 2, 3, 4, 5),
      encodeRefuse(4, chunkStatus.busy, 10),
    ])
    for (const byte of stream) parser.push(Uint8Array.of(byte))
    expect(seen.map((frame) => frame.op)).toEqual([chunkOp.hello, chunkOp.refuse])
    expect(data.get(3)).toEqual({ bytes: [1, 2, 3, 4, 5], isComplete: true, bodyBytes: 5 })
  })

  test('chunk frame parser: nothing it reports points into the pushed bytes', () => {
    const { parser, seen } = collect('serve')
    const buffer = Buffer.from(encodePing(1, Uint8Array.of(7)))
    parser.push(buffer)
    buffer.fill(0)
    expect(seen[0]).toEqual({ op: chunkOp.ping, requestId: 1, body: Uint8Array.of(7) })
  })

  test('chunk frame parser: each side refuses what is not for it', () => {
    const hello = encodeHello({ version: 1, role: 'fetch', token: new Uint8Array(32) })
    const wrong = { serve: encodeDataHeader(1, 10), fetch: encodeCancel(1), undecided: encodeCancel(1) }
    for (const role of ['serve', 'fetch', 'undecided'] as const)
      expect(() => collect(role).parser.push(wrong[role])).toThrow(withCode('ERR_DECODE'))
    const { parser, seen } = collect('undecided')
    expect(() => collect('undecided').parser.push(encodePay(Uint8Array.of(1)))).toThrow(withCode('ERR_DECODE'))
    parser.push(hello)
    parser.push(encodeCancel(2))
    expect(seen.length).toBe(2)
    expect(() => parser.push(hello)).toThrow(withCode('ERR_DECODE'))
  })

  test('chunk frame parser: stays broken after bad bytes, and stops when told', () => {
    const { parser, seen } = collect('serve')
    expect(() => parser.push(new Uint8Array(12))).toThrow(withCode('ERR_DECODE'))
    expect(() => parser.push(encodeCancel(1))).toThrow(withCode('ERR_DECODE'))
    expect(seen).toEqual([])
    const stopping = collect('serve')
    const twoFrames = Buffer.concat([encodeCancel(1), encodeCancel(2)])
    const parserThatStops = new ChunkFrameParser({ onFrame: () => parserThatStops.stop(), onData: () => {} }, 'serve')
    expect(() => parserThatStops.push(twoFrames)).not.toThrow()
    parserThatStops.push(new Uint8Array(12))
    stopping.parser.push(twoFrames)
    expect(stopping.seen.length).toBe(2)
  })

  test('chunk frame parser: random and mutated streams give typed errors only', () => {
    const request = encodeRequest(1, [{ root: '44'.repeat(32) as ExtentRoot, offsetBytes: 0, lengthBytes: 9 }])
    const stream = Buffer.concat([encodePing(1), request, encodePay(Uint8Array.of(9, 8, 7)), encodeCancel(2), request])
    fuzzDecoder(
      (bytes) => {
        const { parser } = collect('serve')
        pushInPieces(parser, bytes, [5, 30, 0, 1])
      },
      { samples: [new Uint8Array(stream)], runs: 10_000 },
    )
  })
})
