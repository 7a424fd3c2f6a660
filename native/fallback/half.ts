/** Half-precision numbers (IEEE 754 binary16), which carry the scales of most block formats. */

const bits = new Uint32Array(1)
const value = new Float32Array(bits.buffer)

/** Bits of the f32 that equals this half; every NaN becomes 0x7fc00000. */
export function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16
  const magnitude = half & 0x7fff
  if (magnitude > 0x7c00) return 0x7fc00000
  if (magnitude === 0x7c00) return (sign | 0x7f800000) >>> 0
  if (magnitude >= 0x0400) return (sign | ((magnitude << 13) + 0x38000000)) >>> 0
  value[0] = magnitude * 2 ** -24
  return (bits[0]! | sign) >>> 0
}

let table: Float32Array | undefined

/** All 65,536 halves as numbers, 256 KiB, made at the first use. */
export function halfTable(): Float32Array {
  if (table !== undefined) return table
  const words = new Uint32Array(65_536)
  for (let half = 0; half < words.length; half++) words[half] = halfToFloatBits(half)
  table = new Float32Array(words.buffer)
  return table
}

/** True for infinities and NaNs: only with such a scale can a block hold a NaN. */
export function isSpecialHalf(half: number): boolean {
  return (half & 0x7c00) === 0x7c00
}
