/** The lanes of a sum, added pairwise: the same tree everywhere. */

/** @param lanes a power of two of them; left as they are */
export function addLanes(lanes: Float64Array): number {
  return fold(lanes, (a, b) => a + b)
}

export function fold(lanes: Float64Array, join: (a: number, b: number) => number): number {
  const rest = Float64Array.from(lanes)
  for (let half = rest.length / 2; half >= 1; half /= 2) {
    for (let i = 0; i < half; i++) rest[i] = join(rest[i]!, rest[i + half]!)
  }
  return rest[0]!
}
