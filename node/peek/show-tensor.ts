/** One tensor: its rows as numbers, and what its values are like. */
import {
  blockLayout,
  createMoments,
  createSketch,
  momentsOf,
  type NativeBinding,
  singularValues,
  sketchOf,
  sketchSpace,
} from '#native/index.ts'
import type { TensorDetailView, TensorStatsView, TensorView } from '#protocol/api/control.ts'
import { HartonomousError } from '#protocol/errors.ts'
import {
  peekBins,
  peekGridColumnsMax,
  peekGridRowsMax,
  peekSampleElementsMax,
  peekSampleRowsMax,
  peekValuesMax,
} from '#protocol/limits.ts'
import { rowsOf, TensorReader } from './tensor-reader.ts'
import type { PeekModel, PeekTensor, RowRange } from './types.ts'

export interface ShowOptions {
  rows?: RowRange
  stats?: boolean
  signal?: AbortSignal
}

const sketchWidth = 64
/** Part of the space: sketches of different seeds are not comparable. */
const sketchSeed = 1
const singularValueCount = 8

export function viewTensor(tensor: PeekTensor): TensorView {
  const { name, dtype, shape, sizeBytes, component, isHeld } = tensor
  return { name, dtype, shape, sizeBytes, component, isHeld, isReadable: blockLayout(dtype) !== undefined }
}

/** @throws {ERR_NOT_FOUND} {ERR_USAGE} {ERR_LIMIT} {ERR_NOT_HELD} {ERR_TENSOR_TYPE} {ERR_MODEL_FILE} {ERR_IO} */
export async function showTensor(
  native: NativeBinding,
  model: PeekModel,
  name: string,
  options: ShowOptions = {},
): Promise<TensorDetailView> {
  const reader = new TensorReader(native, model, options.signal)
  try {
    const tensor = reader.tensor(name)
    const { rows } = options
    return {
      model: model.name,
      ...viewTensor(tensor),
      ...(rows === undefined ? {} : { rows: { first: rows.first, values: await readRows(reader, tensor, rows) } }),
      ...(options.stats === true ? { stats: await statistics(native, reader, tensor) } : {}),
    }
  } finally {
    await reader.close()
  }
}

async function readRows(
  reader: TensorReader,
  tensor: PeekTensor,
  { first, last }: RowRange,
): Promise<(number | null)[][]> {
  const { rows, columns } = rowsOf(tensor)
  if (first > last || last >= rows) {
    const message = `rows ${first}-${last}: ${tensor.name} has rows 0-${rows - 1}`
    throw new HartonomousError('ERR_USAGE', { message })
  }
  const count = (last - first + 1) * columns
  if (count > peekValuesMax)
    throw new HartonomousError('ERR_LIMIT', { what: 'values of one answer', limit: peekValuesMax, actual: count })
  const values = await reader.values(tensor, first * columns, count)
  return Array.from({ length: last - first + 1 }, (_, row) =>
    Array.from(values.subarray(row * columns, (row + 1) * columns), (value) => (Number.isFinite(value) ? value : null)),
  )
}

async function statistics(native: NativeBinding, reader: TensorReader, tensor: PeekTensor): Promise<TensorStatsView> {
  const state = createMoments()
  const sketch = createSketch(sketchWidth)
  for await (const values of reader.parts(tensor)) {
    native.accumulateSketch(sketch, values, state[0]!, sketchSeed)
    native.accumulateMoments(state, values)
  }
  const { variance, ...moments } = momentsOf(state)
  const counts = new Float64Array(peekBins)
  const { min, max } = moments
  // Its range is known only now; the second pass finds the bytes in the file cache. Where all values are one, one bin.
  if (Number.isFinite(peekBins / (max - min)) && max > min) {
    for await (const values of reader.parts(tensor)) native.accumulateHistogram(counts, values, min, max)
  } else counts[0] = moments.count - moments.nonFinite
  const spectrum = await sampleSpectrum(native, reader, tensor)
  return {
    ...moments,
    deviation: Math.sqrt(variance),
    histogram: { low: min, high: max, counts: [...counts] },
    grid: await sampleGrid(reader, tensor),
    ...(spectrum === undefined ? {} : { spectrum }),
    sketch: { space: `${sketchSpace}/${sketchWidth}`, seed: sketchSeed, values: [...sketchOf(sketch)] },
  }
}

/** Evenly chosen rows, the first among them. */
async function* sampleRows(reader: TensorReader, tensor: PeekTensor, count: number): AsyncGenerator<Float32Array> {
  const { rows, columns } = rowsOf(tensor)
  for (let i = 0; i < count; i++) yield await reader.values(tensor, Math.floor((i * rows) / count) * columns, columns)
}

async function sampleGrid(reader: TensorReader, tensor: PeekTensor): Promise<TensorStatsView['grid']> {
  const shape = rowsOf(tensor)
  const rows = Math.min(shape.rows, peekGridRowsMax)
  const columns = Math.min(shape.columns, peekGridColumnsMax)
  const values: number[] = []
  for await (const row of sampleRows(reader, tensor, rows)) {
    for (let column = 0; column < columns; column++) {
      const from = Math.floor((column * row.length) / columns)
      const cell = row.subarray(from, Math.floor(((column + 1) * row.length) / columns)).filter(Number.isFinite)
      values.push(cell.length === 0 ? 0 : cell.reduce((sum, value) => sum + value, 0) / cell.length)
    }
  }
  return { rows, columns, values }
}

async function sampleSpectrum(
  native: NativeBinding,
  reader: TensorReader,
  tensor: PeekTensor,
): Promise<TensorStatsView['spectrum']> {
  const { rows, columns } = rowsOf(tensor)
  const count = Math.min(rows, peekSampleRowsMax, Math.floor(peekSampleElementsMax / Math.max(1, columns)))
  if (count < 2 || columns < 2) return undefined
  const matrix = new Float32Array(count * columns)
  let at = 0
  for await (const row of sampleRows(reader, tensor, count)) {
    matrix.set(row, at)
    at += columns
  }
  const values = singularValues(native, matrix, { rows: count, columns, count: singularValueCount })
  return { sampleRows: count, values: [...values] }
}
