/** What every implementation of the contract must do; run against both. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bindingVersion, blockLayout, blockLayouts, type NativeBinding } from './binding.ts'
import { fallback } from './fallback/index.ts'
import { createMoments, momentsOf } from './moments.ts'
import { createProducts, productsOf } from './products.ts'
import { createSketch, sketchOf } from './sketch.ts'
import { singularValues } from './spectrum.ts'

interface Golden {
  vectors: { type: string; source: string; target: string }[]
}

const golden = JSON.parse(readFileSync(new URL('./golden/vectors.json', import.meta.url), 'utf8')) as Golden

/** xorshift32: bytes that vary and repeat. */
export function randomBytes(count: number, seed: number): Uint8Array {
  let state = seed | 1
  return Uint8Array.from({ length: count }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 24
  })
}

/** Weights as they are: small, of both signs, some zero; with `special`, also what is not finite. */
export function weights(count: number, seed: number, special = false): Float32Array {
  const bytes = randomBytes(4 * count, seed)
  return Float32Array.from({ length: count }, (_, i) => {
    const [a, b, c, d] = bytes.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number]
    if (special && a === 1) return [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0][b & 3]!
    return a < 8 ? 0 : ((a + b * 256 + c * 65_536) / 2 ** 24 - 0.5) * 2 ** -(d & 7)
  })
}

export function bits(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex')
}

export function complianceSuite(name: string, native: NativeBinding): void {
  describe(name, () => {
    test('native: the contract is the one that this code is written for', () => {
      expect(native.version).toBe(bindingVersion)
      expect(golden.vectors.map((vector) => vector.type).sort()).toEqual(blockLayouts.map((each) => each.name).sort())
    })
    describe('decoding', () => decodingSuite(native))
    describe('sums', () => sumsSuite(native))
    describe('mistakes of the caller', () => refusalSuite(native))
  })
}

function decodingSuite(native: NativeBinding): void {
  test.each(golden.vectors)(
    'native: $type decodes to the bits that the package gguf gives',
    ({ type, source, target }) => {
      const layout = blockLayout(type)!
      const bytes = Buffer.from(source, 'hex')
      const values = new Float32Array((bytes.length / layout.blockBytes) * layout.blockElements)
      native.dequantize(layout.id, bytes, values)
      expect(bits(values)).toBe(target)
    },
  )

  test.each(blockLayouts)(
    'native: any bytes of $name decode to the same bits everywhere, at any alignment',
    (layout) => {
      const blocks = 37 * (layout.blockElements === 1 ? 32 : 1)
      for (const shift of [0, 1, 3]) {
        const padded = randomBytes(shift + blocks * layout.blockBytes, 7 + shift + layout.id)
        const source = padded.subarray(shift)
        const values = new Float32Array(blocks * layout.blockElements + 1).subarray(1)
        const expected = new Float32Array(blocks * layout.blockElements)
        native.dequantize(layout.id, source, values)
        fallback.dequantize(layout.id, source, expected)
        expect(bits(values)).toBe(bits(expected))
      }
    },
  )

  test('native: every half of F16 is widened exactly', () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, half) => half)
    const values = new Float32Array(halves.length)
    native.dequantize(blockLayout('F16')!.id, new Uint8Array(halves.buffer), values)
    const exact = halves.map((_, half) => {
      const [exponent, fraction] = [(half >> 10) & 31, half & 1023]
      const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
      const value = exponent === 31 ? (fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN) : size
      return Object.is(values[half], half < 0x8000 ? value : -value) ? 0 : 1
    })
    expect(exact.indexOf(1)).toBe(-1)
  })

  test('native: no block is no work, and the bytes around the target stay', () => {
    for (const { id, blockBytes, blockElements } of blockLayouts) {
      native.dequantize(id, new Uint8Array(0), new Float32Array(0))
      const around = new Float32Array(blockElements + 2).fill(7)
      native.dequantize(id, new Uint8Array(blockBytes), around.subarray(1, -1))
      expect([around[0], around.at(-1)]).toEqual([7, 7])
    }
  })
}

function sumsSuite(native: NativeBinding): void {
  /** In calls of growing, odd lengths. */
  const inParts = (values: Float32Array, add: (part: Float32Array, at: number) => void) => {
    for (let at = 0, size = 1; at < values.length; at += size, size += 5) add(values.subarray(at, at + size), at)
  }

  test('native: moments are right, the same bits everywhere, however the tensor is cut', () => {
    const values = weights(5003, 3, true)
    const [whole, cut, expected] = [createMoments(), createMoments(), createMoments()]
    native.accumulateMoments(whole, values)
    inParts(values, (part) => native.accumulateMoments(cut, part))
    fallback.accumulateMoments(expected, values)
    expect(bits(whole)).toBe(bits(expected))
    expect(bits(cut)).toBe(bits(expected))
    const finite = [...values].filter((value) => Number.isFinite(value))
    const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length
    const moments = momentsOf(whole)
    expect(moments).toMatchObject({
      count: values.length,
      nonFinite: values.length - finite.length,
      zeros: finite.filter((value) => value === 0).length,
      min: Math.min(...finite),
      max: Math.max(...finite),
    })
    expect(moments.nonFinite).toBeGreaterThan(0)
    expect(moments.mean).toBeCloseTo(mean, 12)
    expect(moments.l1).toBeCloseTo(
      finite.reduce((sum, value) => sum + Math.abs(value), 0),
      8,
    )
    expect(moments.l2).toBeCloseTo(Math.hypot(...finite), 10)
    expect(moments.variance).toBeCloseTo(
      finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length,
      12,
    )
  })

  test('native: the largest and smallest f32 values neither overflow a sum nor vanish', () => {
    const [largest, smallest] = [3.4028234663852886e38, 2 ** -149]
    const [large, small] = [createMoments(), createMoments()]
    native.accumulateMoments(large, Float32Array.of(largest, -largest, 0, 0))
    native.accumulateMoments(small, Float32Array.of(smallest, smallest))
    expect(momentsOf(large)).toMatchObject({ zeros: 2, maxAbs: largest, mean: 0, l1: 2 * largest, kurtosis: 2 })
    expect(momentsOf(small)).toMatchObject({ zeros: 0, mean: smallest, l2: Math.sqrt(2) * smallest, kurtosis: 1 })
    expect(momentsOf(createMoments())).toMatchObject({ count: 0, l2: 0, min: 0, max: 0, variance: 0 })
  })

  test('native: products give cosine and change, the same bits everywhere, however the tensors are cut', () => {
    const [a, b] = [weights(4099, 5, true), weights(4099, 6, true)]
    const [whole, cut, expected] = [createProducts(), createProducts(), createProducts()]
    native.accumulateProducts(whole, a, b)
    inParts(a, (part, at) => native.accumulateProducts(cut, part, b.subarray(at, at + part.length)))
    fallback.accumulateProducts(expected, a, b)
    expect(bits(whole)).toBe(bits(expected))
    expect(bits(cut)).toBe(bits(expected))

    const state = createProducts()
    native.accumulateProducts(state, Float32Array.of(3, 0, 4), Float32Array.of(3, 4, 0))
    const { cosine, relativeChange, maxAbsChange, changed } = productsOf(state)
    expect({ cosine, relativeChange, maxAbsChange, changed }).toEqual({
      cosine: 9 / 25,
      relativeChange: Math.sqrt(32) / 5,
      maxAbsChange: 4,
      changed: 2,
    })
  })

  test.each([64, 128, 256] as const)('native: sketches of width %i are the same bits everywhere', (width) => {
    const values = weights(width * 40 + 13, 8, true)
    for (const [seed, first] of [
      [0, 0],
      [2 ** 53 - 1, width],
      [1, width * 2 ** 33],
    ] as const) {
      const [state, cut, expected] = [createSketch(width), createSketch(width), createSketch(width)]
      native.accumulateSketch(state, values, first, seed)
      fallback.accumulateSketch(expected, values, first, seed)
      native.accumulateSketch(cut, values.subarray(0, width * 7), first, seed)
      native.accumulateSketch(cut, values.subarray(width * 7), first + width * 7, seed)
      expect(bits(state)).toBe(bits(expected))
      expect(bits(cut)).toBe(bits(expected))
      expect(sketchOf(state).some((value) => value !== 0)).toBe(true)
    }
  })

  test('native: a histogram counts every finite value once, at both ends too', () => {
    const counts = new Float64Array(4)
    native.accumulateHistogram(counts, Float32Array.of(-9, -1, -0.5, -0, 0, 0.25, 0.5, 1, 9, Number.NaN), -1, 1)
    expect([...counts]).toEqual([2, 1, 3, 3])
    const [mine, expected] = [new Float64Array(100), new Float64Array(100)]
    const values = weights(9001, 9, true)
    native.accumulateHistogram(mine, values, -0.3, 0.4)
    fallback.accumulateHistogram(expected, values, -0.3, 0.4)
    expect(bits(mine)).toBe(bits(expected))
  })

  test('native: matrix times vector is the same bits everywhere, both ways', () => {
    for (const [rows, columns] of [
      [7, 33],
      [1, 1],
      [16, 64],
      [0, 5],
      [5, 0],
    ] as const) {
      const matrix = weights(rows * columns, 11, true)
      const [x, y] = [Float64Array.from(weights(columns, 12)), Float64Array.from(weights(rows, 13))]
      const mine = [new Float64Array(rows).fill(5), new Float64Array(columns).fill(5)] as const
      const expected = [new Float64Array(rows), new Float64Array(columns)] as const
      native.multiply(matrix, x, mine[0])
      fallback.multiply(matrix, x, expected[0])
      native.multiplyTransposed(matrix, y, mine[1])
      fallback.multiplyTransposed(matrix, y, expected[1])
      expect(mine.map(bits)).toEqual(expected.map(bits))
    }
    const out = new Float64Array(2)
    native.multiply(Float32Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(1, 10, 100), out)
    expect([...out]).toEqual([321, 654])
  })

  test('native: singular values of a known matrix come out, the same bits everywhere', () => {
    // diag(5, 3, 1) with its rows and columns turned by a Householder reflection each: the values stay.
    const reflect = (n: number) =>
      Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => (i === j ? 1 : 0) - 2 / n))
    const [u, v] = [reflect(24), reflect(40)]
    const sizes = [5, 3, 1]
    const matrix = Float32Array.from({ length: 24 * 40 }, (_, at) => {
      const [i, j] = [Math.floor(at / 40), at % 40]
      return sizes.reduce((sum, size, k) => sum + size * u[i]![k]! * v[j]![k]!, 0)
    })
    const options = { rows: 24, columns: 40, count: 4 }
    const values = singularValues(native, matrix, options)
    expect(bits(values)).toBe(bits(singularValues(fallback, matrix, options)))
    sizes.forEach((size, k) => {
      expect(values[k]).toBeCloseTo(size, 5)
    })
    expect(values[3]).toBeLessThan(1e-5)
  })
}

function refusalSuite(native: NativeBinding): void {
  const state = () => createMoments()
  const f32 = (length: number) => new Float32Array(length)
  const f64 = (length: number) => new Float64Array(length)
  const shared = new ArrayBuffer(256)
  const cases: [string, string, () => void][] = [
    ['an unknown type', 'ERR_NATIVE_TYPE', () => native.dequantize(4, new Uint8Array(4), f32(1))],
    ['a type that is no id', 'ERR_NATIVE_TYPE', () => native.dequantize(Number.NaN, new Uint8Array(4), f32(1))],
    ['a type below zero', 'ERR_NATIVE_TYPE', () => native.dequantize(-4294967296, new Uint8Array(4), f32(1))],
    ['a part of a block', 'ERR_NATIVE_SIZE', () => native.dequantize(8, new Uint8Array(35), f32(32))],
    ['a target too short', 'ERR_NATIVE_SIZE', () => native.dequantize(8, new Uint8Array(68), f32(63))],
    ['a target too long', 'ERR_NATIVE_SIZE', () => native.dequantize(8, new Uint8Array(34), f32(33))],
    [
      'source and target in one place',
      'ERR_NATIVE_OVERLAP',
      () => native.dequantize(0, new Uint8Array(shared, 0, 128), new Float32Array(shared, 64, 32)),
    ],
    ['a state too short', 'ERR_NATIVE_SIZE', () => native.accumulateMoments(state().subarray(1), f32(1))],
    ['a state without a count', 'ERR_NATIVE_ARGUMENT', () => native.accumulateMoments(state().fill(0.5), f32(1))],
    ['a state counting NaN', 'ERR_NATIVE_ARGUMENT', () => native.accumulateMoments(state().fill(Number.NaN), f32(1))],
    [
      'a state below zero',
      'ERR_NATIVE_ARGUMENT',
      () => native.accumulateProducts(createProducts().fill(-1), f32(1), f32(1)),
    ],
    ['pairs of unequal length', 'ERR_NATIVE_SIZE', () => native.accumulateProducts(createProducts(), f32(1), f32(2))],
    ['a sketch of no width', 'ERR_NATIVE_SIZE', () => native.accumulateSketch(f64(100), f32(1), 0, 0)],
    ['a sketch from the middle', 'ERR_NATIVE_ARGUMENT', () => native.accumulateSketch(f64(128), f32(1), 5, 0)],
    ['a sketch from beyond', 'ERR_NATIVE_ARGUMENT', () => native.accumulateSketch(f64(128), f32(1), 2 ** 60, 0)],
    ['a seed below zero', 'ERR_NATIVE_ARGUMENT', () => native.accumulateSketch(f64(128), f32(1), 0, -1)],
    ['a histogram without bins', 'ERR_NATIVE_SIZE', () => native.accumulateHistogram(f64(0), f32(1), 0, 1)],
    ['a range that is none', 'ERR_NATIVE_ARGUMENT', () => native.accumulateHistogram(f64(2), f32(1), 1, 1)],
    ['a range without end', 'ERR_NATIVE_ARGUMENT', () => native.accumulateHistogram(f64(2), f32(1), 0, Infinity)],
    ['a matrix of another size', 'ERR_NATIVE_SIZE', () => native.multiply(f32(5), f64(2), f64(3))],
    ['a matrix of another size, turned', 'ERR_NATIVE_SIZE', () => native.multiplyTransposed(f32(5), f64(2), f64(3))],
  ]
  test.each(cases)('native: %s is refused with %s', (_what, code, run) => {
    expect(run).toThrow(RangeError)
    expect(run).toThrow(expect.objectContaining({ code }))
  })

  test('native: arguments of another kind are a TypeError, not a crash', () => {
    const wrong = native as unknown as Record<string, (...args: unknown[]) => void>
    for (const name of Object.keys(native).filter((key) => key !== 'version')) {
      for (const args of [[], [null, null, null, null], ['a', {}, [], 1], [new Float64Array(1), new Int8Array(2)]])
        expect(() => wrong[name]!(...args), name).toThrow(/./)
    }
  })
}
