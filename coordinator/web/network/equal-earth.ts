/**
 * The Equal Earth projection (Šavrič, Patterson and Jenny 2018): areas are true, so that no part of the world looks larger
 * than it is. Between degrees and a plane of radius 1, y to the south. The whole of d3-geo would be a tenth of the first load.
 */
const [a1, a2, a3, a4] = [1.340264, -0.081106, 0.000893, 0.003796]
const m = Math.sqrt(3) / 2
const degree = Math.PI / 180
const stepsMax = 12

const rise = (t: number) => t * (a1 + a2 * t ** 2 + t ** 6 * (a3 + a4 * t ** 2))
const slope = (t: number) => a1 + 3 * a2 * t ** 2 + t ** 6 * (7 * a3 + 9 * a4 * t ** 2)

export type Pair = readonly [number, number]

export function equalEarth([longitude, latitude]: Pair): Pair {
  const t = Math.asin(m * Math.sin(latitude * degree))
  return [(longitude * degree * Math.cos(t)) / (m * slope(t)), -rise(t)]
}

export function equalEarthInverse([x, y]: Pair): Pair {
  let t = -y
  // Newton's: from a start that is nearly right.
  for (let step = 0; step < stepsMax; step++) {
    const by = (rise(t) + y) / slope(t)
    t -= by
    if (Math.abs(by) < 1e-9) break
  }
  const longitude = (m * x * slope(t)) / Math.cos(t) / degree
  return [longitude, Math.asin(Math.min(1, Math.max(-1, Math.sin(t) / m))) / degree]
}
