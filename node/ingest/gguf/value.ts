/** Metadata values. Long arrays and texts are counted, not kept; those of a vocabulary are looked at in passing. */
import {
  ggufArrayDepthMax,
  ggufArrayItemsKeptMax,
  ggufArrayItemsMax,
  ggufMetaBytesMax,
  ggufStringBytesKeptMax,
} from '#protocol/limits.ts'
import { formatBytes } from '#protocol/units.ts'
import type { MetaValue } from '../types.ts'
import type { HeaderReader } from './header-reader.ts'
import type { VocabularyScan } from './vocabulary-scan.ts'

export const valueTypeNames = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const
export type ValueTypeName = (typeof valueTypeNames)[number]

const scalarBytes: Record<Exclude<ValueTypeName, 'string' | 'array'>, number> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
}

/** What is kept of one file's metadata is bounded; this counts it. */
export class MetaBudget {
  #usedBytes = 0

  add(reader: HeaderReader, bytes: number): void {
    this.#usedBytes += bytes
    if (this.#usedBytes > ggufMetaBytesMax) reader.fail(`the metadata takes more than ${formatBytes(ggufMetaBytesMax)}`)
  }
}

export interface TypedValue {
  type: ValueTypeName
  itemType?: ValueTypeName
  itemCount?: number
  value: MetaValue
}

export async function readValue(reader: HeaderReader, budget: MetaBudget, scan: VocabularyScan): Promise<TypedValue> {
  const type = await readType(reader)
  if (type === 'array') return readTopArray(reader, budget, scan)
  if (type === 'string') return { type, value: await readText(reader, budget) }
  budget.add(reader, 8)
  return { type, value: await readScalar(reader, type) }
}

async function readType(reader: HeaderReader): Promise<ValueTypeName> {
  const id = await reader.u32()
  return valueTypeNames[id] ?? reader.fail(`value type ${id} is unknown`, reader.position - 4)
}

async function readText(reader: HeaderReader, budget: MetaBudget): Promise<MetaValue> {
  const text = await reader.string()
  if (text.length > ggufStringBytesKeptMax) return { arrayLength: text.length, itemType: 'character' }
  budget.add(reader, text.length)
  return text
}

async function readScalar(
  reader: HeaderReader,
  type: Exclude<ValueTypeName, 'string' | 'array'>,
): Promise<number | bigint | boolean> {
  await reader.need(scalarBytes[type])
  return takeScalar(reader, type)
}

function takeScalar(reader: HeaderReader, type: Exclude<ValueTypeName, 'string' | 'array'>): number | bigint | boolean {
  const bytes = reader.take(scalarBytes[type])
  switch (type) {
    case 'u8':
      return bytes.readUInt8(0)
    case 'i8':
      return bytes.readInt8(0)
    case 'u16':
      return bytes.readUInt16LE(0)
    case 'i16':
      return bytes.readInt16LE(0)
    case 'u32':
      return bytes.readUInt32LE(0)
    case 'i32':
      return bytes.readInt32LE(0)
    case 'f32':
      return bytes.readFloatLE(0)
    case 'f64':
      return bytes.readDoubleLE(0)
    case 'u64':
      return narrow(bytes.readBigUInt64LE(0))
    case 'i64':
      return narrow(bytes.readBigInt64LE(0))
    case 'bool': {
      const byte = bytes.readUInt8(0)
      if (byte > 1) reader.fail(`a truth value of ${byte}`, reader.position - 1)
      return byte === 1
    }
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

interface ArrayHead {
  itemType: ValueTypeName
  itemCount: number
}

async function readArrayHead(reader: HeaderReader): Promise<ArrayHead> {
  const itemType = await readType(reader)
  const itemCount = await reader.u64()
  if (itemCount > ggufArrayItemsMax) {
    reader.fail(`an array of ${itemCount} items; the limit is ${ggufArrayItemsMax}`, reader.position - 8)
  }
  // An item of a string array takes at least its length, one of an array of arrays its type and length.
  const itemBytesMin = itemType === 'string' ? 8 : itemType === 'array' ? 12 : scalarBytes[itemType]
  reader.require(itemCount * itemBytesMin)
  return { itemType, itemCount }
}

async function readTopArray(reader: HeaderReader, budget: MetaBudget, scan: VocabularyScan): Promise<TypedValue> {
  const head = await readArrayHead(reader)
  const summary: TypedValue = {
    type: 'array',
    ...head,
    value: { arrayLength: head.itemCount, itemType: head.itemType },
  }
  if (reader.field === 'tokenizer.ggml.tokens' && head.itemType === 'string') {
    await scan.readTokens(reader, head.itemCount)
  } else if (reader.field === 'tokenizer.ggml.token_type' && (head.itemType === 'i32' || head.itemType === 'u32')) {
    await scan.readTokenTypes(reader, head.itemCount)
  } else if (reader.field.startsWith('tokenizer.ggml.') || head.itemCount > ggufArrayItemsKeptMax) {
    await skipItems(reader, budget, head, 1)
  } else {
    summary.value = await readItems(reader, budget, head, 1)
  }
  return summary
}

async function readItems(
  reader: HeaderReader,
  budget: MetaBudget,
  head: ArrayHead,
  depth: number,
): Promise<MetaValue[]> {
  const items: MetaValue[] = []
  for (let i = 0; i < head.itemCount; i++) {
    if (head.itemType === 'array') {
      const inner = await readInnerHead(reader, budget, depth)
      if (inner.itemCount <= ggufArrayItemsKeptMax) {
        items.push(await readItems(reader, budget, inner, depth + 1))
      } else {
        await skipItems(reader, budget, inner, depth + 1)
        items.push({ arrayLength: inner.itemCount, itemType: inner.itemType })
      }
    } else if (head.itemType === 'string') {
      budget.add(reader, 16)
      items.push(await readText(reader, budget))
    } else {
      budget.add(reader, 8)
      items.push(await readScalar(reader, head.itemType))
    }
  }
  return items
}

/** Inner arrays count even where they are not kept: each costs time, and no real file has many. */
async function readInnerHead(reader: HeaderReader, budget: MetaBudget, depth: number): Promise<ArrayHead> {
  budget.add(reader, 16)
  if (depth >= ggufArrayDepthMax) reader.fail(`arrays are nested more than ${ggufArrayDepthMax} deep`)
  return readArrayHead(reader)
}

async function skipItems(reader: HeaderReader, budget: MetaBudget, head: ArrayHead, depth: number): Promise<void> {
  if (head.itemType !== 'string' && head.itemType !== 'array') {
    reader.skip(head.itemCount * scalarBytes[head.itemType])
    return
  }
  for (let i = 0; i < head.itemCount; i++) {
    if (head.itemType === 'array') {
      await skipItems(reader, budget, await readInnerHead(reader, budget, depth), depth + 1)
    } else {
      if (!reader.has(8)) await reader.need(8)
      reader.skip(reader.takeU64())
    }
  }
}
