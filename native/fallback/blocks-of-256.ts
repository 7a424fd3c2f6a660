/** Formats whose block is 256 weights in groups, each with a scale of its own: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K. */
import type { DecodeBlock } from './blocks-of-32.ts'
import { halfTable, isSpecialHalf } from './half.ts'

const { fround } = Math

function half(source: Uint8Array, at: number): number {
  return source[at]! | (source[at + 1]! << 8)
}

/** 16 bytes of scales (low half: scale, high half: minimum of 16 weights), 64 of weights, scale, minimum. */
export const decodeQ2K: DecodeBlock = (source, at, target, to) => {
  const [halfScale, halfMin] = [half(source, at + 80), half(source, at + 82)]
  const [scale, min] = [halfTable()[halfScale]!, halfTable()[halfMin]!]
  for (let group = 0; group < 16; group++) {
    const packed = source[at + group]!
    const groupScale = fround(scale * (packed & 15))
    const groupMin = fround(min * (packed >> 4))
    const from = at + 16 + (group >> 3) * 32 + (group & 1) * 16
    const shift = ((group >> 1) & 3) * 2
    for (let i = 0; i < 16; i++)
      target[to + group * 16 + i] = fround(groupScale * ((source[from + i]! >> shift) & 3)) - groupMin
  }
  return isSpecialHalf(halfScale) || isSpecialHalf(halfMin)
}

/** 32 bytes of third bits, 64 of weights, 12 of scales in 6 bits each, scale. */
export const decodeQ3K: DecodeBlock = (source, at, target, to) => {
  const halfScale = half(source, at + 108)
  const scale = halfTable()[halfScale]!
  for (let group = 0; group < 16; group++) {
    const low = (source[at + 96 + (group & 7)]! >> ((group >> 3) * 4)) & 15
    const high = (source[at + 104 + (group & 3)]! >> ((group >> 2) * 2)) & 3
    const groupScale = fround(scale * ((low | (high << 4)) - 32))
    const from = at + 32 + (group >> 3) * 32 + (group & 1) * 16
    const mask = at + (group & 1) * 16
    const shift = ((group >> 1) & 3) * 2
    const bit = group >> 1
    for (let i = 0; i < 16; i++) {
      const weight = ((source[from + i]! >> shift) & 3) - (((source[mask + i]! >> bit) & 1) === 0 ? 4 : 0)
      target[to + group * 16 + i] = groupScale * weight
    }
  }
  return isSpecialHalf(halfScale)
}

/** Scale or minimum of 32 weights, 6 bits each in 12 bytes: the first four plain, the others split. */
function groupScaleOf(source: Uint8Array, at: number, group: number): number {
  if (group < 4) return source[at + group]! & 63
  return (source[at + 4 + group]! & 15) | ((source[at + group - 4]! >> 6) << 4)
}

function groupMinOf(source: Uint8Array, at: number, group: number): number {
  if (group < 4) return source[at + 4 + group]! & 63
  return (source[at + 4 + group]! >> 4) | ((source[at + group]! >> 6) << 4)
}

/** Scale, minimum, 12 bytes of scales, 128 of weights. */
export const decodeQ4K: DecodeBlock = (source, at, target, to) => {
  const [halfScale, halfMin] = [half(source, at), half(source, at + 2)]
  const [scale, min] = [halfTable()[halfScale]!, halfTable()[halfMin]!]
  for (let group = 0; group < 8; group++) {
    const groupScale = fround(scale * groupScaleOf(source, at + 4, group))
    const groupMin = fround(min * groupMinOf(source, at + 4, group))
    const from = at + 16 + (group >> 1) * 32
    const shift = (group & 1) * 4
    for (let i = 0; i < 32; i++)
      target[to + group * 32 + i] = fround(groupScale * ((source[from + i]! >> shift) & 15)) - groupMin
  }
  return isSpecialHalf(halfScale) || isSpecialHalf(halfMin)
}

/** As Q4_K, with 32 bytes of fifth bits before the weights. */
export const decodeQ5K: DecodeBlock = (source, at, target, to) => {
  const [halfScale, halfMin] = [half(source, at), half(source, at + 2)]
  const [scale, min] = [halfTable()[halfScale]!, halfTable()[halfMin]!]
  for (let group = 0; group < 8; group++) {
    const groupScale = fround(scale * groupScaleOf(source, at + 4, group))
    const groupMin = fround(min * groupMinOf(source, at + 4, group))
    const from = at + 48 + (group >> 1) * 32
    const shift = (group & 1) * 4
    for (let i = 0; i < 32; i++) {
      const high = (source[at + 16 + i]! >> group) & 1
      const weight = ((source[from + i]! >> shift) & 15) | (high << 4)
      target[to + group * 32 + i] = fround(groupScale * weight) - groupMin
    }
  }
  return isSpecialHalf(halfScale) || isSpecialHalf(halfMin)
}

/** 128 bytes of low halves, 64 of fifth and sixth bits, 16 scales of 8 bits, scale. */
export const decodeQ6K: DecodeBlock = (source, at, target, to) => {
  const halfScale = half(source, at + 208)
  const scale = halfTable()[halfScale]!
  for (let group = 0; group < 16; group++) {
    const groupScale = fround(scale * ((source[at + 192 + group]! << 24) >> 24))
    const [part, row] = [group >> 3, (group >> 1) & 3]
    const low = at + part * 64 + (row & 1) * 32 + (group & 1) * 16
    const high = at + 128 + part * 32 + (group & 1) * 16
    const [lowShift, highShift] = [(row >> 1) * 4, row * 2]
    for (let i = 0; i < 16; i++) {
      const weight = ((source[low + i]! >> lowShift) & 15) | (((source[high + i]! >> highShift) & 3) << 4)
      target[to + group * 16 + i] = groupScale * (weight - 32)
    }
  }
  return isSpecialHalf(halfScale)
}
