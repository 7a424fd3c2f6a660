/** What the addon checks before it touches memory, the fallback checks in the same order and tells in the same words. */
import {
  type BlockLayout,
  blockLayouts,
  histogramBinsMax,
  type NativeErrorCode,
  type SketchWidth,
  sketchWidths,
} from '../binding.ts'

const byId = new Map(blockLayouts.map((layout) => [layout.id, layout]))

export function refuse(code: NativeErrorCode, message: string): never {
  throw Object.assign(new RangeError(message), { code })
}

/** Views of one buffer may not share bytes: SIMD code may read what it has already written. */
export function refuseOverlap(...views: readonly ArrayBufferView[]): void {
  views.forEach((a, index) => {
    for (const b of views.slice(index + 1)) {
      const isShared = a.buffer === b.buffer && a.byteLength > 0 && b.byteLength > 0
      if (isShared && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength)
        refuse('ERR_NATIVE_OVERLAP', 'arguments share memory')
    }
  })
}

/** @returns the type and how many whole blocks there are */
export function checkBlocks(
  typeId: number,
  source: Uint8Array,
  target: Float32Array,
): { layout: BlockLayout; blocks: number } {
  const layout = byId.get(typeId)
  if (layout === undefined) refuse('ERR_NATIVE_TYPE', `tensor type ${typeId} cannot be decoded`)
  const blocks = Math.floor(source.length / layout.blockBytes)
  if (source.length % layout.blockBytes !== 0 || target.length !== blocks * layout.blockElements) {
    refuse('ERR_NATIVE_SIZE', `${source.length} bytes of ${layout.name} are no ${target.length} elements`)
  }
  refuseOverlap(source, target)
  return { layout, blocks }
}

/** @returns how many elements the state has seen */
export function checkState(state: Float64Array, length: number): number {
  if (state.length !== length) refuse('ERR_NATIVE_SIZE', `a state of ${state.length} numbers; it must have ${length}`)
  const count = state[0]!
  if (!(Number.isSafeInteger(count) && count >= 0)) refuse('ERR_NATIVE_ARGUMENT', 'a state without a count')
  return count
}

export function checkSketch(state: Float64Array, firstIndex: number, seed: number): SketchWidth {
  const width = sketchWidths.find((each) => 2 * each === state.length)
  if (width === undefined) refuse('ERR_NATIVE_SIZE', `a sketch state of ${state.length} numbers`)
  const isIndex = Number.isSafeInteger(firstIndex) && firstIndex >= 0 && firstIndex % width === 0
  if (!isIndex) refuse('ERR_NATIVE_ARGUMENT', `the first index must be a multiple of ${width}`)
  if (!(Number.isSafeInteger(seed) && seed >= 0)) refuse('ERR_NATIVE_ARGUMENT', 'the seed must be a whole number')
  return width
}

/** @returns bins per unit */
export function checkHistogram(counts: Float64Array, low: number, high: number): number {
  const bins = counts.length
  if (bins < 1 || bins > histogramBinsMax) refuse('ERR_NATIVE_SIZE', `a histogram of ${bins} bins`)
  const binsPerUnit = bins / (high - low)
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high && Number.isFinite(binsPerUnit)))
    refuse('ERR_NATIVE_ARGUMENT', 'not a range of finite numbers')
  return binsPerUnit
}

/** Rows and columns in the order that the caller gives them. */
export function checkMatrix(matrix: Float32Array, rows: number, columns: number): void {
  if (matrix.length !== rows * columns)
    refuse('ERR_NATIVE_SIZE', `a matrix of ${matrix.length} elements is not ${rows} x ${columns}`)
}
