/**
 * What every decoder of bytes from outside must stand: random and mutated input ends in a value or in one of our typed
 * errors, soon. Each decoder's test runs it.
 */
import assert from 'node:assert/strict'
import { type ErrorCode, isHartonomousError } from '../errors.ts'

export interface DecoderSuiteOptions {
  /** Valid inputs: they must decode, and are the ones that get mutated. */
  samples: readonly Uint8Array[]
  runs?: number
  /** Same seed, same inputs; a failure names it. */
  seed?: number
  /** For one input; generous, because tests share their machine. */
  timeoutMs?: number
}

const allowedCodes: ReadonlySet<ErrorCode> = new Set(['ERR_DECODE', 'ERR_LIMIT', 'ERR_ID'])

/** Throws an assertion error that holds the input when `decode` fails in any other way. */
export function fuzzDecoder(decode: (bytes: Uint8Array) => unknown, options: DecoderSuiteOptions): void {
  const { samples, runs = 2000, seed = 1, timeoutMs = 1000 } = options
  assert(samples.length > 0, 'a decoder is fuzzed from at least one valid sample')
  for (const sample of samples) decode(sample)
  const random = seededRandom(seed)
  let refused = 0
  for (let run = 0; run < runs; run++) {
    const input = run % 8 === 0 ? randomBytes(random) : mutate(samples[run % samples.length]!, random)
    const startedMs = performance.now()
    try {
      decode(input)
    } catch (error) {
      const hex = Buffer.from(input.subarray(0, 256)).toString('hex')
      const isTyped = isHartonomousError(error) && allowedCodes.has(error.code)
      assert(isTyped, `seed ${seed}, run ${run}, ${input.length} bytes ${hex}: ${String(error)}`)
      refused++
    }
    const tookMs = performance.now() - startedMs
    assert(tookMs < timeoutMs, `seed ${seed}, run ${run}: ${input.length} bytes took ${tookMs} ms`)
  }
  assert(refused > 0, 'a decoder that refuses nothing checks nothing')
}

/** Mulberry32: small, fast, and the same everywhere. In [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function randomBytes(random: () => number): Uint8Array {
  return Uint8Array.from({ length: Math.floor(random() * 128) }, () => Math.floor(random() * 256))
}

/** One to four edits: a flipped bit, another byte, bytes cut, bytes repeated, bytes added at the end. */
function mutate(sample: Uint8Array, random: () => number): Uint8Array {
  let bytes = Array.from(sample)
  const edits = 1 + Math.floor(random() * 4)
  for (let edit = 0; edit < edits; edit++) {
    const at = Math.floor(random() * (bytes.length + 1))
    const kind = Math.floor(random() * 6)
    if (kind === 0 && at < bytes.length) bytes[at]! ^= 1 << Math.floor(random() * 8)
    else if (kind === 1 && at < bytes.length) bytes[at] = Math.floor(random() * 256)
    else if (kind === 2) bytes.splice(at, 1 + Math.floor(random() * 8))
    else if (kind === 3) bytes.splice(at, 0, ...bytes.slice(at, at + 16))
    else if (kind === 4) bytes = bytes.slice(0, at)
    // 0x9b and 0xbb: arrays and maps that claim up to 2^64 items. 0x5b, 0x7b: as long strings.
    else bytes.splice(at, 1, [0x9b, 0xbb, 0x5b, 0x7b, 0xff, 0xc0][Math.floor(random() * 6)]!, 0x7f, 0xff, 0xff)
  }
  return Uint8Array.from(bytes)
}

/** One line of a `vectors.json`. In `value`, `{ "bytes": "00ff" }` stands for a `Uint8Array`. */
export interface Vector {
  name: string
  hex: string
  value: unknown
}

export function vectorBytes(vector: Pick<Vector, 'hex'>): Uint8Array {
  return new Uint8Array(Buffer.from(vector.hex, 'hex'))
}

/** The value of a vector with its byte strings put in. */
export function vectorValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(vectorValue)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  if (entries.length === 1 && entries[0]![0] === 'bytes' && typeof entries[0]![1] === 'string')
    return vectorBytes({ hex: entries[0]![1] })
  return Object.fromEntries(entries.map(([key, item]) => [key, vectorValue(item)]))
}

/** The reverse of `vectorValue`, for those who write a `vectors.json`. */
export function valueForVector(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return value.map(valueForVector)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, valueForVector(item)]))
}
