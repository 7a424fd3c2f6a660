/** Formats whose block is 32 weights with one scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4. */
import { halfTable, isSpecialHalf } from './half.ts'

/** Decodes one block; true where the result may hold NaNs, whose bits must be made one and the same. */
export type DecodeBlock = (source: Uint8Array, at: number, target: Float32Array, to: number) => boolean

const { fround } = Math
/** The scales that `IQ4_NL` and `MXFP4` choose from (ggml-common.h: `kvalues_iq4nl`, `kvalues_mxfp4`). */
const nonLinear = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
const microscaling = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

function u16(source: Uint8Array, at: number): number {
  return source[at]! | (source[at + 1]! << 8)
}

function u32(source: Uint8Array, at: number): number {
  return u16(source, at) | (u16(source, at + 2) << 16)
}

export const decodeQ40: DecodeBlock = (source, at, target, to) => {
  const half = u16(source, at)
  const scale = halfTable()[half]!
  for (let i = 0; i < 16; i++) {
    const pair = source[at + 2 + i]!
    target[to + i] = scale * ((pair & 15) - 8)
    target[to + 16 + i] = scale * ((pair >> 4) - 8)
  }
  return isSpecialHalf(half)
}

export const decodeQ41: DecodeBlock = (source, at, target, to) => {
  const [half, halfMin] = [u16(source, at), u16(source, at + 2)]
  const [scale, min] = [halfTable()[half]!, halfTable()[halfMin]!]
  for (let i = 0; i < 16; i++) {
    const pair = source[at + 4 + i]!
    target[to + i] = fround(scale * (pair & 15)) + min
    target[to + 16 + i] = fround(scale * (pair >> 4)) + min
  }
  return isSpecialHalf(half) || isSpecialHalf(halfMin)
}

export const decodeQ50: DecodeBlock = (source, at, target, to) => {
  const half = u16(source, at)
  const scale = halfTable()[half]!
  const high = u32(source, at + 2)
  for (let i = 0; i < 16; i++) {
    const pair = source[at + 6 + i]!
    target[to + i] = scale * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16)
    target[to + 16 + i] = scale * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16)
  }
  return isSpecialHalf(half)
}

export const decodeQ51: DecodeBlock = (source, at, target, to) => {
  const [half, halfMin] = [u16(source, at), u16(source, at + 2)]
  const [scale, min] = [halfTable()[half]!, halfTable()[halfMin]!]
  const high = u32(source, at + 4)
  for (let i = 0; i < 16; i++) {
    const pair = source[at + 8 + i]!
    target[to + i] = fround(scale * ((pair & 15) | (((high >>> i) & 1) << 4))) + min
    target[to + 16 + i] = fround(scale * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4))) + min
  }
  return isSpecialHalf(half) || isSpecialHalf(halfMin)
}

export const decodeQ80: DecodeBlock = (source, at, target, to) => {
  const half = u16(source, at)
  const scale = halfTable()[half]!
  for (let i = 0; i < 32; i++) target[to + i] = scale * ((source[at + 2 + i]! << 24) >> 24)
  return isSpecialHalf(half)
}

export const decodeIq4Nl: DecodeBlock = (source, at, target, to) => {
  const half = u16(source, at)
  const scale = halfTable()[half]!
  for (let i = 0; i < 16; i++) {
    const pair = source[at + 2 + i]!
    target[to + i] = scale * nonLinear[pair & 15]!
    target[to + 16 + i] = scale * nonLinear[pair >> 4]!
  }
  return isSpecialHalf(half)
}

/** The scale is 2^(exponent - 128): half of what the exponent says, because the values are kept doubled. */
export const decodeMxfp4: DecodeBlock = (source, at, target, to) => {
  const scale = 2 ** (source[at]! - 128)
  for (let i = 0; i < 16; i++) {
    const pair = source[at + 1 + i]!
    target[to + i] = scale * microscaling[pair & 15]!
    target[to + 16 + i] = scale * microscaling[pair >> 4]!
  }
  return false
}
