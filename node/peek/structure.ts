/**
 * The structural space: what the weights of a component say by themselves. Near means alike in values, so it finds copies,
 * versions and duplicates across models; it makes no claim about meaning.
 *
 * A vector is made of groups, each of length 1 times the root of its share: cosines of the groups add up by their shares.
 */
import {
  createMoments,
  createSketch,
  type Moments,
  momentsOf,
  type NativeBinding,
  singularValues,
  sketchOf,
} from '#native/index.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { peekSampleElementsMax, peekSampleRowsMax } from '#protocol/limits.ts'
import { type ComponentKind, componentKinds } from '#protocol/query/message.ts'
import { elementCount, rowsOf, TensorReader } from './tensor-reader.ts'
import type { PeekModel, PeekTensor } from './types.ts'

/** Another way of making vectors is another space: they cannot be compared. */
export const structuralSpace = 'structural/1'

const sketchWidth = 128
const spectrumLength = 8
const momentLength = 3
const depthLength = 2
export const structuralDimension = sketchWidth + spectrumLength + momentLength + componentKinds.length + depthLength

/** Sum: 1. The sketch sees the values themselves; the rest tells apart what is far in any case. */
const shares = { sketch: 0.8, spectrum: 0.05, moments: 0.05, kind: 0.07, depth: 0.03 }

export interface StructurePart {
  key: string
  kind: ComponentKind
  /** 0 for the first block, 1 for the last one; absent outside of the blocks. */
  depth?: number
}

export interface StructureView {
  vectors: { key: string; vector: Float32Array }[]
  /** Components whose values cannot be read, with the reason. */
  skipped: { key: string; reason: string }[]
}

/** @throws {ERR_IO} {ERR_WITHDRAWN} {ERR_NOT_HELD} */
export async function structureOf(
  native: NativeBinding,
  model: PeekModel,
  parts: readonly StructurePart[],
): Promise<StructureView> {
  const reader = new TensorReader(native, model)
  const tensorsOf = Map.groupBy(model.tensors, ({ component }) => component)
  const view: StructureView = { vectors: [], skipped: [] }
  try {
    for (const part of parts) {
      const tensors = tensorsOf.get(part.key) ?? []
      try {
        if (tensors.length > 0)
          view.vectors.push({ key: part.key, vector: await vectorOf(native, reader, part, tensors) })
        else view.skipped.push({ key: part.key, reason: 'it has no tensors' })
      } catch (error) {
        if (!isHartonomousError(error, 'ERR_TENSOR_TYPE') && !isHartonomousError(error, 'ERR_MODEL_FILE')) throw error
        view.skipped.push({ key: part.key, reason: error.message })
      }
    }
    return view
  } finally {
    await reader.close()
  }
}

async function vectorOf(
  native: NativeBinding,
  reader: TensorReader,
  { kind, depth }: StructurePart,
  tensors: readonly PeekTensor[],
): Promise<Float32Array> {
  const sketch = new Float64Array(sketchWidth)
  const moments = createMoments()
  for (const tensor of tensors) {
    const state = createSketch(sketchWidth)
    let done = 0
    for await (const values of reader.parts(tensor)) {
      native.accumulateSketch(state, values, done, seedOf(tensor.name))
      native.accumulateMoments(moments, values)
      done += values.length
    }
    sketchOf(state).forEach((value, at) => {
      sketch[at]! += value
    })
  }
  const angle = ((depth ?? 0) * Math.PI) / 2
  return Float32Array.from([
    ...scaled(sketch, shares.sketch),
    ...scaled(await spectrumOf(native, reader, tensors), shares.spectrum),
    ...scaled(momentNumbers(momentsOf(moments)), shares.moments),
    ...scaled(
      componentKinds.map((one) => (one === kind ? 1 : 0)),
      shares.kind,
    ),
    ...scaled(depth === undefined ? [0, 0] : [Math.cos(angle), Math.sin(angle)], shares.depth),
  ])
}

/**
 * By the name within the block, so that the same tensor of two blocks or models is sketched alike (FNV-1a, 32 bits, of
 * `attn_q.weight`).
 */
function seedOf(tensorName: string): number {
  const name = tensorName.replace(/^(?:.*\.)?(?:blk|blocks?|layers?|h)\.\d+\./, '')
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** Of the largest matrix, by a sample of its first rows: relative to the largest value, so it is the shape that counts. */
async function spectrumOf(
  native: NativeBinding,
  reader: TensorReader,
  tensors: readonly PeekTensor[],
): Promise<number[]> {
  const matrix = tensors.filter(({ shape }) => shape.length > 1).sort((a, b) => elementCount(b) - elementCount(a))[0]
  const spectrum = Array<number>(spectrumLength).fill(0)
  if (matrix === undefined) return spectrum
  const { rows, columns } = rowsOf(matrix)
  const sampled = Math.min(rows, peekSampleRowsMax, Math.floor(peekSampleElementsMax / Math.max(1, columns)))
  if (sampled === 0 || columns === 0) return spectrum
  const values = await reader.values(matrix, 0, sampled * columns)
  const found = singularValues(native, values, { rows: sampled, columns, count: spectrumLength })
  for (const [at, value] of found.entries()) spectrum[at] = found[0]! > 0 ? value / found[0]! : 0
  return spectrum
}

/** Logarithms: sizes differ by powers of ten. */
function momentNumbers({ count, l2, kurtosis, zeros }: Moments): number[] {
  const rms = count === 0 ? 0 : l2 / Math.sqrt(count)
  return [Math.log10(rms + 1e-12) + 2, Math.log10(kurtosis + 1e-12), count === 0 ? 0 : zeros / count]
}

function scaled(values: ArrayLike<number>, share: number): number[] {
  const numbers = Array.from(values)
  const length = Math.hypot(...numbers)
  return numbers.map((value) => (length > 0 && Number.isFinite(length) ? (value / length) * Math.sqrt(share) : 0))
}
