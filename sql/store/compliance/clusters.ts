/** Made-up embeddings, the same for the same seed: a mixture of Gaussians, as texts of many topics would be. */

/** Uniform in [0, 1). Each number follows from a counter by mixing its bits (the finaliser of MurmurHash 3). */
export function seededRandom(seed: number): () => number {
  let counter = seed | 0
  return () => {
    counter = (counter + 0x9e3779b9) | 0
    let bits = counter
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32
  }
}

/** Of mean 0 and variance 1, by the method of Box and Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

export interface Clusters {
  dimension: number
  next(): Float32Array
}

/** Drawing each number anew would take most of the time of a benchmark: they are read from a table at random places. */
const tableSize = 2 ** 20

/**
 * Vectors around `count` centres. The spread within a cluster falls from one of `rank` axes to the next, as with real
 * embeddings, of which few directions carry most; `spread` is its share of the whole, so that at 0.5 two vectors of a
 * cluster have a cosine of about 0.5.
 */
export function clusters(seed: number, { dimension = 384, count = 2000, spread = 0.4, rank = 32 } = {}): Clusters {
  const random = seededRandom(seed)
  const table = Float32Array.from({ length: tableSize }, () => gaussian(random))
  const somewhere = () => Math.floor(random() * (tableSize - dimension - rank))
  const vector = () => {
    const from = somewhere()
    return table.slice(from, from + dimension)
  }
  const centres = Array.from({ length: count }, vector)
  const axes = Array.from({ length: Math.min(rank, dimension) }, vector)
  const harmonic = axes.reduce((sum, _, index) => sum + 1 / (index + 1), 0)
  // Nine tenths of the spread lie along the axes, the rest goes everywhere.
  const along = axes.map((_, index) => Math.sqrt((0.9 * spread) / (1 - spread) / harmonic / (index + 1)))
  const everywhere = Math.sqrt((0.1 * spread) / (1 - spread))
  return {
    dimension,
    next: () => {
      const result = centres[Math.floor(random() * count)]!.slice()
      const [from, noise] = [somewhere(), somewhere()]
      axes.forEach((axis, index) => {
        const scale = along[index]! * table[from + index]!
        for (let i = 0; i < dimension; i++) result[i]! += scale * axis[i]!
      })
      for (let i = 0; i < dimension; i++) result[i]! += everywhere * table[noise + i]!
      return result
    },
  }
}
