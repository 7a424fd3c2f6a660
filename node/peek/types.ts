/** A model as its tensors can be looked into: where their bytes lie, and which of them are there. Plain data. */

export interface PeekTensor {
  name: string
  dtype: string
  /** Slowest dimension first. */
  shape: number[]
  fileIndex: number
  offsetBytes: number
  sizeBytes: number
  component: string
  /** Of the extent; unknown for a file that was not hashed. */
  root?: string
  isHeld: boolean
}

export interface PeekModel {
  /** For messages and as a title. */
  name: string
  /** `identity`: of a file that was hashed and must not have changed since, as the store keeps it. */
  files: { path: string; identity?: string }[]
  tensors: PeekTensor[]
}

/** Rows from `first` to `last`, both included, all dimensions but the last taken as one. */
export interface RowRange {
  first: number
  last: number
}
