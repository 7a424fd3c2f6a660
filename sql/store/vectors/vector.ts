/** Vectors as numbers and as the bytes of a row: f32, little endian, of length 1, so that a dot product is the cosine. */
import { endianness } from 'node:os'
import { HartonomousError } from '#protocol/errors.ts'

const isLittleEndian = endianness() === 'LE'

/** The same direction with length 1. @throws {ERR_USAGE} for one that has no direction: NaN, infinite, zero. */
export function unitVector(vector: Float32Array, dimension: number): Float32Array {
  if (!(vector instanceof Float32Array) || vector.length !== dimension) {
    throw wrong(`it has ${vector?.length} numbers, the space ${dimension}`)
  }
  // In f64 the sum of squares of the largest f32 numbers is still finite, and that of the smallest is not yet 0.
  let sum = 0
  for (const value of vector) sum += value * value
  if (!Number.isFinite(sum)) throw wrong('a number in it is NaN or infinite')
  if (sum === 0) throw wrong('all of it is 0')
  const scale = 1 / Math.sqrt(sum)
  return vector.map((value) => value * scale)
}

export function vectorBytes(vector: Float32Array): Uint8Array {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
  return isLittleEndian ? bytes : Buffer.from(bytes).swap32()
}

/** Shares the memory of `bytes` where it can. @throws {ERR_STORE_CORRUPT} */
export function vectorOfBytes(bytes: Uint8Array, dimension: number): Float32Array {
  if (bytes.length !== 4 * dimension) {
    const reason = `a vector of ${bytes.length} bytes in a space of ${dimension} numbers`
    throw new HartonomousError('ERR_STORE_CORRUPT', { reason })
  }
  const isUsable = isLittleEndian && bytes.byteOffset % 4 === 0
  const aligned = isUsable ? bytes : Buffer.from(Uint8Array.from(bytes).buffer)
  if (!isLittleEndian) (aligned as Buffer).swap32()
  return new Float32Array(aligned.buffer, aligned.byteOffset, dimension)
}

/** Of `a` with the numbers of `b` from `at` on. Four sums, because each addition waits for the one before it. */
export function dotProduct(a: Float32Array, b: Float32Array, at = 0): number {
  const { length } = a
  const whole = length - (length % 4)
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let i = 0
  for (; i < whole; i += 4) {
    s0 += a[i]! * b[at + i]!
    s1 += a[i + 1]! * b[at + i + 1]!
    s2 += a[i + 2]! * b[at + i + 2]!
    s3 += a[i + 3]! * b[at + i + 3]!
  }
  for (; i < length; i++) s0 += a[i]! * b[at + i]!
  return s0 + s1 + (s2 + s3)
}

function wrong(reason: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: `not a vector of this space: ${reason}`, param: 'vector' })
}
