/** Vectors as numbers and as the bytes of a frame: f32, little endian, of length 1, so that a dot product is the cosine. */

/** Rounding of the numbers to f32 moves the length by 1e-7 at most; an engine that calculates in f16 by 1e-3. */
const lengthTolerance = 2e-3

export function isUnitVector(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.length % 4 !== 0) return false
  let sum = 0
  for (const value of vectorOf(bytes)) sum += value * value
  // Not true of NaN either.
  return Math.abs(Math.sqrt(sum) - 1) <= lengthTolerance
}

export function vectorOf(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => view.getFloat32(4 * at, true))
}

export function bytesOfVector(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(4 * vector.length)
  const view = new DataView(bytes.buffer)
  for (const [at, value] of vector.entries()) view.setFloat32(4 * at, value, true)
  return bytes
}
