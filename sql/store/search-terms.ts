/**
 * What a model is found by: terms of its content and of its releases. Equal filters and equal words make equal terms, on
 * every engine and on every node, because they are made here.
 */
import { queryMetaValueBytesMax, queryWordBytesMax, searchTermsPerModelMax } from '#protocol/limits.ts'
import type { ExtentLayout } from '#protocol/model/content.ts'
import type { Release } from '#protocol/model/release.ts'
import type { ComponentRow, PutModel } from './types.ts'

/** Raised when terms are added or mean something else: stored models are then indexed anew. */
export const searchIndexVersion = 1

/** Every model in the store has it. */
export const indexedTerm = `index:${searchIndexVersion}`

export const idTerm = (modelId: string) => `id:${modelId}`
export const kindTerm = (kind: string) => `kind:${kind}`
export const dtypeTerm = (dtype: string) => `dtype:${dtype}`
export const shapeTerm = (shape: readonly number[]) => `shape:${shape.join('x')}`
export const licenceTerm = (licence: string) => `licence:${licence}`
export const nameTerm = (name: string) => `name:${name}`
export const metaTerm = (path: string, value?: string) => `meta:${path}${value === undefined ? '' : `=${value}`}`
/** A word that occurs anywhere in the model. */
export const wordTerm = (word: string) => `word:${word}`
/** A word that says something of the model as a whole, so of each of its components. */
export const modelWordTerm = (word: string) => `model-word:${word}`

/** Lower-case runs of letters and digits, each once, in the order of their first occurrence. Longer ones are no words. */
export function wordsOf(...texts: readonly string[]): string[] {
  const words = new Set<string>()
  for (const text of texts) {
    for (const word of text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [])
      if (Buffer.byteLength(word) <= queryWordBytesMax) words.add(word)
  }
  return [...words]
}

/** Words of a component: its key, its kind, the names of its tensors. */
export function componentWords(
  { key, kind }: Pick<ComponentRow, 'key' | 'kind'>,
  tensorNames: readonly string[],
): string[] {
  return wordsOf(key, kind, ...tensorNames)
}

export interface IndexedModel extends Pick<PutModel, 'modelId' | 'architecture' | 'format' | 'meta'> {
  extents: readonly Pick<ExtentLayout, 'kind' | 'name' | 'dtype' | 'shape'>[]
  components: readonly Pick<ComponentRow, 'key' | 'kind'>[]
}

/** Of the content, without its releases. The first `searchTermsPerModelMax`: what is common to models comes first. */
export function modelTerms(model: IndexedModel): string[] {
  const terms = new Set<string>([indexedTerm, idTerm(model.modelId)])
  const ofModel = (word: string) => terms.add(modelWordTerm(word)).add(wordTerm(word))
  for (const word of wordsOf(model.architecture, model.format)) ofModel(word)
  for (const { kind } of model.components) terms.add(kindTerm(kind))
  const tensors = model.extents.filter(({ kind }) => kind === 'tensor')
  for (const { dtype, shape } of tensors) {
    if (dtype !== undefined) terms.add(dtypeTerm(dtype))
    if (shape !== undefined) terms.add(shapeTerm(shape))
  }
  for (const [path, value] of metaEntries(model.meta)) {
    terms.add(metaTerm(path))
    if (Buffer.byteLength(value) > queryMetaValueBytesMax) continue
    terms.add(metaTerm(path, value))
    if (!isNumeric(value)) for (const word of wordsOf(value)) ofModel(word)
  }
  for (const { key, kind } of model.components) for (const word of wordsOf(key, kind)) terms.add(wordTerm(word))
  for (const { name } of tensors) for (const word of wordsOf(name ?? '')) terms.add(wordTerm(word))
  return [...terms].slice(0, searchTermsPerModelMax)
}

export function releaseTerms({ name, licence }: Pick<Release, 'name' | 'licence'>): string[] {
  const words = wordsOf(name).flatMap((word) => [wordTerm(word), modelWordTerm(word)])
  return [nameTerm(name), licenceTerm(licence), ...words]
}

/** Scalars by path, as text. */
function* metaEntries(value: unknown, path = ''): Generator<[path: string, value: string]> {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return
    for (const [key, inner] of Object.entries(value)) yield* metaEntries(inner, path === '' ? key : `${path}.${key}`)
  } else if (path !== '' && value !== null && value !== undefined) {
    yield [path, String(value)]
  }
}

function isNumeric(value: string): boolean {
  return value === 'true' || value === 'false' || !Number.isNaN(Number(value))
}
