/**
 * Reads a query as people write it: `kind:ffn layer:3-8 dtype:Q4_K,Q6_K shape:*x4864 size:>1MiB licence:MIT llama`. Words without
 * a field are searched for in names.
 */
import { HartonomousError } from '#protocol/errors.ts'
import { queryWordsMax } from '#protocol/limits.ts'
import { type ComponentKind, componentKinds, type NumberRange, type Query } from '#protocol/query/message.ts'
import { parseBytes } from '#protocol/units.ts'
import { wordsOf } from '#sql/store/search-terms.ts'

/** `modelIds` is empty: names of models are known to the node, not to the text. */
export interface ParsedQuery {
  query: Query
  /** Model names and ids, as written. */
  models: string[]
  /** Only models that fewer nodes hold, this one included. */
  holdersBelow?: number
  /** A component to which others are compared. */
  like?: { model: string; key: string }
}

type Field = (parsed: ParsedQuery, value: string) => void

const fields: Record<string, Field> = {
  model: (parsed, value) => parsed.models.push(...list(value)),
  kind: ({ query }, value) => query.kinds.push(...list(value).map(kindOf)),
  layer: ({ query }, value) => {
    query.layers = rangeOf(value, wholeNumber)
  },
  expert: ({ query }, value) => {
    query.experts = rangeOf(value, wholeNumber)
  },
  size: ({ query }, value) => {
    query.sizeBytes = rangeOf(value, bytesOf)
  },
  dtype: ({ query }, value) => query.dtypes.push(...list(value)),
  shape: ({ query }, value) =>
    query.shape.push(...value.split('x').map((size) => (size === '*' ? null : wholeNumber(size)))),
  licence: ({ query }, value) => {
    query.licence = value
  },
  license: ({ query }, value) => {
    query.licence = value
  },
  meta: ({ query }, value) => void query.meta.push(metaOf(value)),
  name: ({ query }, value) => {
    query.keyPattern = value
  },
  like: (parsed, value) => {
    parsed.like = componentOf(value)
  },
  holders: (parsed, value) => {
    parsed.holdersBelow = holdersOf(value)
  },
}

/** @throws {ERR_QUERY_INVALID} naming the part that cannot be read. */
export function parseQuery(text: string): ParsedQuery {
  const parsed: ParsedQuery = {
    query: { modelIds: [], kinds: [], dtypes: [], shape: [], meta: [], words: [] },
    models: [],
  }
  const words: string[] = []
  for (const part of text.match(/[a-z]+:"[^"]*"|"[^"]*"|\S+/g) ?? []) {
    const [, name, value] = /^([a-z]+):(.*)$/s.exec(part) ?? []
    if (name === undefined || value === undefined) words.push(part)
    else readField(parsed, name, value.replace(/^"(.*)"$/s, '$1'))
  }
  parsed.query.words = wordsOf(...words)
  if (parsed.query.words.length > queryWordsMax)
    throw invalid(`${parsed.query.words.length} words, at most ${queryWordsMax} can be searched for`)
  if (parsed.like !== undefined && parsed.query.words.length > 0)
    throw invalid('like ranks by weights and words rank by names: ask for one of them')
  return parsed
}

function readField(parsed: ParsedQuery, name: string, value: string): void {
  if (!Object.hasOwn(fields, name))
    throw invalid(`there is no field ${name}; the fields are ${Object.keys(fields).join(', ')}`)
  if (value === '') throw invalid(`${name}: write what it must be, without a space after the colon`)
  try {
    fields[name]!(parsed, value)
  } catch (error) {
    throw invalid(`${name}:${value}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function list(value: string): string[] {
  return value.split(',').filter((entry) => entry !== '')
}

function kindOf(value: string): ComponentKind {
  const kind = componentKinds.find((candidate) => candidate === value)
  if (kind === undefined) throw new Error(`the kinds are ${componentKinds.join(', ')}`)
  return kind
}

/** `3`, `3-8`, `3-`, `-8`, `>3`, `>=3`, `<8`, `<=8`; both ends belong to it. */
function rangeOf(value: string, read: (text: string) => number): NumberRange {
  const [, comparison, bound] = /^(<=|>=|<|>)(.+)$/.exec(value) ?? []
  if (comparison !== undefined && bound !== undefined) {
    const number = read(bound)
    if (comparison === '<' && number === 0) throw new Error('nothing is below 0')
    if (comparison.startsWith('>')) return { min: comparison === '>' ? number + 1 : number }
    return { max: comparison === '<' ? number - 1 : number }
  }
  const [from, to, ...more] = value.split('-')
  if (more.length > 0 || (from === '' && (to ?? '') === '')) throw new Error('write 3, 3-8, >3 or <8')
  if (to === undefined) return { min: read(from!), max: read(from!) }
  return { ...(from === '' ? {} : { min: read(from!) }), ...(to === '' ? {} : { max: read(to) }) }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Error(`${text || 'nothing'} is no whole number`)
  return Number(text)
}

function bytesOf(text: string): number {
  return Math.round(parseBytes(text))
}

function metaOf(value: string): { path: string; value?: string } {
  const at = value.indexOf('=')
  return at < 0 ? { path: value } : { path: value.slice(0, at), value: value.slice(at + 1) }
}

function holdersOf(value: string): number {
  const match = /^<(\d{1,4})$/.exec(value)
  if (!match) throw new Error('write holders:<3')
  return Number(match[1])
}

/** `MODEL/KEY`: keys have no stroke, names may have one. */
function componentOf(value: string): { model: string; key: string } {
  const at = value.lastIndexOf('/')
  if (at < 1 || at === value.length - 1) throw new Error('write like:MODEL/COMPONENT')
  return { model: value.slice(0, at), key: value.slice(at + 1) }
}

function invalid(reason: string): HartonomousError {
  return new HartonomousError('ERR_QUERY_INVALID', { reason })
}
