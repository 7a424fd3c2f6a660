/** Two models, component by component: what changed, and by how much. Identical extents are told by their roots. */
import { addProducts, createProducts, type NativeBinding, productsOf } from '#native/index.ts'
import type { ComponentDiffView, DiffView } from '#protocol/api/control.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { peekBlockElements } from '#protocol/limits.ts'
import { elementCount, TensorReader } from './tensor-reader.ts'
import type { PeekModel, PeekTensor } from './types.ts'

interface Pair {
  a?: PeekTensor
  b?: PeekTensor
}

/** @throws {ERR_MODEL_FILE} {ERR_IO} {ERR_WITHDRAWN} */
export async function diffModels(
  native: NativeBinding,
  a: PeekModel,
  b: PeekModel,
  options: { signal?: AbortSignal; onComponent?: (done: number, total: number) => void } = {},
): Promise<DiffView> {
  const readers = [new TensorReader(native, a, options.signal), new TensorReader(native, b, options.signal)] as const
  try {
    const pairs = pairsByComponent(a, b)
    const components: ComponentDiffView[] = []
    for (const [key, tensors] of pairs) {
      options.onComponent?.(components.length, pairs.size)
      components.push(await compareComponent(native, readers, key, tensors))
    }
    return { a: a.name, b: b.name, components, readBytes: readers[0].readBytes + readers[1].readBytes }
  } finally {
    for (const reader of readers) await reader.close()
  }
}

/** In the order of `a`; what only `b` has follows. */
function pairsByComponent(a: PeekModel, b: PeekModel): Map<string, Pair[]> {
  const others = new Map(b.tensors.map((tensor) => [tensor.name, tensor]))
  const components = new Map<string, Pair[]>()
  const add = (key: string, pair: Pair) => {
    const known = components.get(key)
    if (known === undefined) components.set(key, [pair])
    else known.push(pair)
  }
  for (const tensor of a.tensors) {
    const other = others.get(tensor.name)
    others.delete(tensor.name)
    add(tensor.component, other === undefined ? { a: tensor } : { a: tensor, b: other })
  }
  for (const tensor of others.values()) add(tensor.component, { b: tensor })
  return components
}

async function compareComponent(
  native: NativeBinding,
  readers: readonly [TensorReader, TensorReader],
  key: string,
  pairs: readonly Pair[],
): Promise<ComponentDiffView> {
  const view: ComponentDiffView = { key, status: 'identical', tensors: pairs.length, tensorsChanged: 0 }
  if (pairs.every((pair) => pair.a === undefined)) return { ...view, status: 'added', tensorsChanged: pairs.length }
  if (pairs.every((pair) => pair.b === undefined)) return { ...view, status: 'removed', tensorsChanged: pairs.length }
  const total = createProducts()
  const unknown: string[] = []
  for (const { a, b } of pairs) {
    if (a !== undefined && b !== undefined && a.root !== undefined && a.root === b.root) continue
    if (a === undefined || b === undefined || a.shape.join() !== b.shape.join()) {
      view.status = 'reshaped'
      view.tensorsChanged++
      continue
    }
    const state = createProducts()
    try {
      await compareTensor(native, readers, [a, b], state)
    } catch (error) {
      if (!isHartonomousError(error, 'ERR_NOT_HELD') && !isHartonomousError(error, 'ERR_TENSOR_TYPE')) throw error
      unknown.push(error.message)
      continue
    }
    const { changed, nonFinite } = productsOf(state)
    if (changed + nonFinite === 0) continue
    view.tensorsChanged++
    addProducts(total, state)
  }
  if (view.tensorsChanged > 0 && view.status === 'identical') view.status = 'changed'
  if (unknown.length > 0) {
    view.status = 'unknown'
    view.unknown = unknown[0]!
  }
  if (total[0] === 0) return view
  const { relativeChange, cosine, maxAbsChange, changed } = productsOf(total)
  return { ...view, relativeChange, cosine, maxAbsChange, elementsChanged: changed }
}

async function compareTensor(
  native: NativeBinding,
  [readerA, readerB]: readonly [TensorReader, TensorReader],
  [a, b]: readonly [PeekTensor, PeekTensor],
  state: Float64Array,
): Promise<void> {
  const count = elementCount(a)
  for (let first = 0; first < count; first += peekBlockElements) {
    const size = Math.min(peekBlockElements, count - first)
    native.accumulateProducts(state, await readerA.values(a, first, size), await readerB.values(b, first, size))
  }
}
