/** Made-up embeddings, the same for the same seed: a mixture of Gaussians, as texts of a few hundred topics would be. */

/** Lehmer generator: uniform in (0, 1). */
export function seededRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Of mean 0 and variance 1, by the method of Box and Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
}

export interface Clusters {
  dimension: number
  next(): Float32Array
}

/**
 * Vectors around `count` centres. Within a cluster the spread falls from one axis to the next, as with real embeddings,
 * of which few directions carry most.
 */
export function clusters(seed: number, { dimension = 384, count = 2000, spread = 0.3, rank = 48 } = {}): Clusters {
  const random = seededRandom(seed)
  const noise = Float32Array.from({ length: 1 << 16 }, () => gaussian(random))
  let at = 0
  // A table is read at random places: drawing 384 normal numbers per vector would take most of the time of a benchmark.
  const draw = () => {
    at = (at + 1) & 0xffff
    return noise[at]!
  }
  const jump = () => {
    at = Math.floor(random() * 0x10000)
  }
  const vector = () => {
    jump()
    return Float32Array.from({ length: dimension }, draw)
  }
  const centres = Array.from({ length: count }, vector)
  const axes = Array.from({ length: Math.min(rank, dimension) }, vector)
  return {
    dimension,
    next: () => {
      const result = Float32Array.from(centres[Math.floor(random() * count)]!)
      jump()
      axes.forEach((axis, index) => {
        const scale = (spread * draw()) / Math.sqrt(index + 1)
        for (let i = 0; i < dimension; i++) result[i]! += scale * axis[i]!
      })
      jump()
      for (let i = 0; i < dimension; i++) result[i]! += 0.3 * spread * draw()
      return result
    },
  }
}
