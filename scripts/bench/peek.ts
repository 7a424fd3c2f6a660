/** Decoding weights against copying the same bytes: how near the arithmetic comes to what the memory gives. */
import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import { fallback } from '#native/fallback/index.ts'
import {
  blockLayout,
  blockLayouts,
  createMoments,
  createProducts,
  createSketch,
  loadNative,
  type NativeBinding,
} from '#native/index.ts'
import { MiB } from '#protocol/units.ts'
import type { Bench } from './main.ts'

/** What the product decodes at once (`peekBlockElements`): it stays in a core's cache. */
const blockElementsInCache = 256 * 1024
const cachedTimes = 64

/** The two that the aims are about; the others are told too. */
const aimedTypes = ['Q8_0', 'Q4_K']
/** The fallback does this share of the work, and its time is scaled: it would take minutes. */
const fallbackShare = 1 / 16

export const bench: Bench = {
  name: 'peek',
  describe:
    'weights decoded to f32 per second against memcpy of the same f32 bytes, and against the TypeScript fallback',
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: { mib: { type: 'string', default: '512' }, rounds: { type: 'string', default: '7' } },
    })
    const { binding, implementation, reason } = loadNative()
    log(`${implementation}: ${reason}`)
    const elements = (Number(values.mib) * MiB) / 4
    const rounds = Number(values.rounds)
    const buffers = { target: new Float32Array(elements).fill(1), other: new Float32Array(elements).fill(2) }
    const figures: Record<string, number | string> = { implementation, writtenMiB: Number(values.mib), rounds }
    for (const { name } of blockLayouts) {
      const { share, ratio, copyRate, cachedRate } = compareType(binding, name, buffers, rounds)
      figures[`shareOfMemcpy${name}`] = round(share)
      if (aimedTypes.includes(name)) {
        figures[`ratioToFallback${name}`] = round(ratio)
        figures[`cachedGigabytesPerSecond${name}`] = round(cachedRate)
      }
      const rates = `memcpy ${copyRate.toFixed(1)} GB/s, 1 MiB at a time ${cachedRate.toFixed(1)} GB/s`
      log(`${name.padEnd(7)} ${share.toFixed(3)} of memcpy, ${ratio.toFixed(1)} x the fallback (${rates})`)
    }
    figures['ratioToFallback'] = round(Math.min(...aimedTypes.map((name) => Number(figures[`ratioToFallback${name}`]))))
    for (const [name, seconds] of Object.entries(sumTimes(binding, buffers, rounds))) {
      figures[`${name}GigaElementsPerSecond`] = round(elements / seconds / 1e9)
      log(`${name.padEnd(9)} ${(elements / seconds / 1e9).toFixed(2)} G elements/s`)
    }
    return figures
  },
}

interface Buffers {
  target: Float32Array
  other: Float32Array
}

/** Copy, decode and fallback in turns; medians. */
function compareType(native: NativeBinding, name: string, { target, other }: Buffers, rounds: number) {
  const { id, blockElements, blockBytes } = blockLayout(name)!
  const source = ordinaryBlocks(name, target.length / blockElements, blockBytes)
  const part = target.subarray(0, Math.floor((target.length * fallbackShare) / blockElements) * blockElements)
  const partSource = source.subarray(0, (part.length / blockElements) * blockBytes)
  const cached = target.subarray(0, blockElementsInCache)
  const cachedSource = source.subarray(0, (cached.length / blockElements) * blockBytes)
  const runs = {
    copy: () => target.set(other),
    decode: () => native.dequantize(id, source, target),
    fallback: () => fallback.dequantize(id, partSource, part),
    cached: () => {
      for (let i = 0; i < cachedTimes; i++) native.dequantize(id, cachedSource, cached)
    },
  }
  const times = { copy: [] as number[], decode: [] as number[], fallback: [] as number[], cached: [] as number[] }
  // The first round is not counted: pages are touched, code is compiled.
  for (let i = 0; i <= rounds; i++) {
    for (const kind of ['copy', 'decode', 'fallback', 'cached'] as const) {
      const seconds = timeOf(runs[kind])
      if (i > 0) times[kind].push(seconds)
    }
  }
  assert(
    target.subarray(0, 4096).some((value) => value !== 2),
    'something was decoded',
  )
  // Of what ran one after the other: another program on the machine slows down both.
  const pairs = (a: number[], b: number[]) => median(a.map((seconds, i) => seconds / b[i]!))
  return {
    share: pairs(times.copy, times.decode),
    ratio: pairs(times.fallback, times.decode) * (target.length / part.length),
    copyRate: target.byteLength / median(times.copy) / 1e9,
    cachedRate: (cachedTimes * cached.byteLength) / median(times.cached) / 1e9,
  }
}

/** Random weights; scales as trained weights have them, because infinities take a slower way. */
function ordinaryBlocks(name: string, blocks: number, blockBytes: number): Uint8Array {
  const source = new Uint8Array(blocks * blockBytes)
  let state = 1
  // One megabyte of them, repeated: no branch of the code depends on the values.
  const pattern = source.subarray(0, Math.min(source.length, Math.ceil(MiB / blockBytes) * blockBytes))
  for (let i = 0; i < pattern.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // Below 0x7c in every byte: no half among them is infinite or NaN, wherever the format has its scales.
    pattern[i] = name === 'MXFP4' ? (state >>> 24) & 0x7f : (state >>> 24) % 0x7c
  }
  for (let at = pattern.length; at < source.length; at *= 2) source.copyWithin(at, 0, Math.min(at, source.length - at))
  return source
}

function sumTimes(native: NativeBinding, { target, other }: Buffers, rounds: number): Record<string, number> {
  const runs: Record<string, () => void> = {
    moments: () => native.accumulateMoments(createMoments(), target),
    products: () => native.accumulateProducts(createProducts(), target, other),
    sketch: () => native.accumulateSketch(createSketch(64), target, 0, 1),
    histogram: () => native.accumulateHistogram(new Float64Array(64), target, -1, 1),
  }
  return Object.fromEntries(
    Object.entries(runs).map(([name, run]) => [name, median(Array.from({ length: rounds }, () => timeOf(run)))]),
  )
}

/** In seconds. */
function timeOf(run: () => void): number {
  const startedMs = performance.now()
  run()
  return (performance.now() - startedMs) / 1000
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

function round(value: number): number {
  return Number(value.toFixed(3))
}
