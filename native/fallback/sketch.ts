/** The random signs and rotations of a sketch, and the sums. What a sketch is stands in `../sketch.ts`. */
import { checkSketch, refuseOverlap } from './arguments.ts'

const { imul } = Math

/** High 32 bits of a 32 x 32 bit product. */
function highProduct(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16]
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const cross = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + Math.floor(middle / 65_536) + Math.floor(cross / 65_536)) >>> 0
}

/** A 64-bit word as two halves: `BigInt` would take most of the time. */
interface Word {
  low: number
  high: number
}

function multiplyBy(word: Word, low: number, high: number): void {
  const top = (highProduct(word.low, low) + imul(word.low, high) + imul(word.high, low)) >>> 0
  word.low = imul(word.low, low) >>> 0
  word.high = top
}

function foldRight(word: Word, bits: number): void {
  const { low, high } = word
  word.low = (low ^ ((low >>> bits) | (high << (32 - bits)))) >>> 0
  word.high = (high ^ (high >>> bits)) >>> 0
}

/** Output `counter` of splitmix64 (Steele, Lea, Flood 2014) started at `seed`, into `word`. */
export function splitMix(word: Word, seed: number, counter: number): Word {
  const step = counter + 1
  word.low = step >>> 0
  word.high = Math.floor(step / 2 ** 32) >>> 0
  multiplyBy(word, 0x7f4a7c15, 0x9e3779b9)
  const low = word.low + (seed >>> 0)
  word.high = (word.high + Math.floor(seed / 2 ** 32) + (low > 0xffffffff ? 1 : 0)) >>> 0
  word.low = low >>> 0
  foldRight(word, 30)
  multiplyBy(word, 0x1ce4e5b9, 0xbf58476d)
  foldRight(word, 27)
  multiplyBy(word, 0x133111eb, 0x94d049bb)
  foldRight(word, 31)
  return word
}

const word: Word = { low: 0, high: 0 }

/** See `NativeBinding.accumulateSketch`. */
export function accumulateSketch(state: Float64Array, values: Float32Array, firstIndex: number, seed: number): void {
  const width = checkSketch(state, firstIndex, seed)
  refuseOverlap(state, values)
  const wordsPerGroup = width / 64 + 1
  for (let from = 0; from < values.length; from += width) {
    const counter = ((firstIndex + from) / width) * wordsPerGroup
    const rotation = splitMix(word, seed, counter).low & (width - 1)
    const end = Math.min(values.length - from, width)
    for (let i = 0; i < end; i++) {
      if (i % 64 === 0) splitMix(word, seed, counter + 1 + i / 64)
      const sign = ((i & 32) === 0 ? word.low : word.high) >>> (i & 31)
      const given = values[from + i]!
      const value = given - given === 0 ? given : 0
      state[rotation + i] = state[rotation + i]! + ((sign & 1) === 0 ? value : -value)
    }
  }
}
