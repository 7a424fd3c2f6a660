/** How two tensors of one shape compare, from the sums that both implementations make. */
import { laneCount, productFields, productStateLength } from './binding.ts'
import { addLanes, fold } from './lanes.ts'

export interface Products {
  count: number
  /** Elements that differ. */
  changed: number
  /** Pairs left out, because one of the two is not finite. */
  nonFinite: number
  /** Of the angle between the two as vectors; 1 where both are zero. */
  cosine: number
  /** |b - a| / |a|; of |b| where a is zero. */
  relativeChange: number
  maxAbsChange: number
}

export function createProducts(): Float64Array {
  return new Float64Array(productStateLength)
}

/** Adds the sums of one pair of tensors to those of several. */
export function addProducts(total: Float64Array, state: Float64Array): void {
  const maxAbsFrom = 1 + productFields.indexOf('maxAbs') * laneCount
  for (let i = 0; i < total.length; i++)
    total[i] = i < maxAbsFrom ? total[i]! + state[i]! : Math.max(total[i]!, state[i]!)
}

export function productsOf(state: Float64Array): Products {
  const lanes = (field: (typeof productFields)[number]) => {
    const from = 1 + productFields.indexOf(field) * laneCount
    return state.subarray(from, from + laneCount)
  }
  const sum = (field: (typeof productFields)[number]) => addLanes(lanes(field))
  const [dot, aa, bb, dd] = [sum('dot'), sum('aa'), sum('bb'), sum('dd')]
  return {
    count: state[0]!,
    changed: sum('changed'),
    nonFinite: sum('nonFinite'),
    cosine: aa === 0 && bb === 0 ? 1 : aa === 0 || bb === 0 ? 0 : dot / (Math.sqrt(aa) * Math.sqrt(bb)),
    relativeChange: dd === 0 ? 0 : Math.sqrt(dd) / Math.sqrt(aa === 0 ? bb : aa),
    maxAbsChange: fold(lanes('maxAbs'), Math.max),
  }
}
