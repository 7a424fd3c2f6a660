/**
 * The header of a GGUF file, version 2 or 3, little-endian. Every count, length, type, offset and range is checked before
 * it is used; what does not fit is ERR_MODEL_FILE with the field and the byte offset.
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import {
  extentsPerModelMax,
  ggufAlignmentMax,
  ggufKeyBytesMax,
  ggufKeyValuesMax,
  modelBytesMax,
  tensorDimensionsMax,
  tensorNameBytesMax,
} from '#protocol/limits.ts'
import type { ByteSource, MetaValue } from '../types.ts'
import { type TensorType, tensorBytes, tensorTypeById } from './dtypes.ts'
import { HeaderReader } from './header-reader.ts'
import { MetaBudget, readValue, type TypedValue } from './value.ts'
import { VocabularyScan } from './vocabulary-scan.ts'

export interface GgufTensor {
  name: string
  /** In the file's order: fastest dimension first. */
  dimensions: number[]
  type: TensorType
  elementCount: number
  /** In the file. */
  offsetBytes: number
  sizeBytes: number
}

export interface GgufFile {
  version: number
  values: Map<string, TypedValue>
  vocabulary: VocabularyScan
  /** In file order. */
  tensors: GgufTensor[]
  /** End of the last tensor description; padding up to the alignment follows. */
  headerBytes: number
  alignmentBytes: number
  sizeBytes: number
}

/** A tensor as the header describes it, before its place is known. */
interface TensorInfo extends GgufTensor {
  /** Where its description stands, for messages. */
  infoOffset: number
}

const defaultAlignmentBytes = 32
/** Names end up on terminals and pages: no control, direction or line characters. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
/** A key-value pair takes at least the length of its key, one letter, a type and one byte. */
const keyValueBytesMin = 8 + 1 + 4 + 1
/** A tensor description takes at least the length of its name, the number of dimensions, a type and an offset. */
const tensorInfoBytesMin = 8 + 4 + 4 + 8

/** @throws {ERR_MODEL_FILE} {ERR_IO} */
export async function parseGguf(source: ByteSource): Promise<GgufFile> {
  const reader = new HeaderReader(source)
  if (source.sizeBytes > modelBytesMax) reader.fail(`${source.sizeBytes} bytes; the limit is ${modelBytesMax}`)
  const version = await readVersion(reader)
  const tensorCount = await readCount(reader, 'tensor count', extentsPerModelMax, tensorInfoBytesMin)
  const valueCount = await readCount(reader, 'metadata count', ggufKeyValuesMax, keyValueBytesMin)
  const vocabulary = new VocabularyScan()
  const values = await readValues(reader, valueCount, vocabulary)
  const alignmentBytes = alignmentOf(reader, values)
  const infos = await readTensorInfos(reader, tensorCount, alignmentBytes)
  const headerBytes = reader.position
  const dataOffset = Math.ceil(headerBytes / alignmentBytes) * alignmentBytes
  const tensors = placeTensors(reader, infos, dataOffset, source.sizeBytes)
  return { version, values, vocabulary, tensors, headerBytes, alignmentBytes, sizeBytes: source.sizeBytes }
}

async function readVersion(reader: HeaderReader): Promise<number> {
  await reader.need(4)
  if (reader.take(4).toString('latin1') !== 'GGUF') reader.fail('not a GGUF file', 0)
  reader.field = 'version'
  const version = await reader.u32()
  if (version !== 0 && (version & 0xffff) === 0) reader.fail('a big-endian file; only little-endian ones are read', 4)
  if (version !== 2 && version !== 3) reader.fail(`GGUF version ${version}; only 2 and 3 are read`, 4)
  return version
}

async function readCount(reader: HeaderReader, field: string, limit: number, itemBytesMin: number): Promise<number> {
  reader.field = field
  const count = await reader.u64()
  if (count > limit) reader.fail(`${count}; the limit is ${limit}`, reader.position - 8)
  reader.require(count * itemBytesMin)
  return count
}

async function readValues(
  reader: HeaderReader,
  count: number,
  vocabulary: VocabularyScan,
): Promise<Map<string, TypedValue>> {
  const values = new Map<string, TypedValue>()
  const budget = new MetaBudget()
  for (let i = 0; i < count; i++) {
    reader.field = `metadata key ${i}`
    const offset = reader.position
    const key = await reader.string(ggufKeyBytesMax)
    if (key === '' || unprintable.test(key)) reader.fail('not a printable key', offset)
    if (values.has(key)) reader.fail(`${JSON.stringify(key)} stands there twice`, offset)
    budget.add(reader, key.length + 64)
    reader.field = key
    values.set(key, await readValue(reader, budget, vocabulary))
  }
  return values
}

function alignmentOf(reader: HeaderReader, values: Map<string, TypedValue>): number {
  const entry = values.get('general.alignment')
  if (entry === undefined) return defaultAlignmentBytes
  reader.field = 'general.alignment'
  const { value } = entry
  if (entry.type !== 'u32' || typeof value !== 'number') reader.fail(`of type ${entry.type}; it must be u32`)
  if (value < 1 || value > ggufAlignmentMax || (value & (value - 1)) !== 0) {
    reader.fail(`${value}; it must be a power of two up to ${ggufAlignmentMax}`)
  }
  return value
}

async function readTensorInfos(reader: HeaderReader, count: number, alignmentBytes: number): Promise<TensorInfo[]> {
  const infos: TensorInfo[] = []
  const names = new Set<string>()
  for (let i = 0; i < count; i++) {
    reader.field = `tensor ${i}`
    const infoOffset = reader.position
    const name = await reader.string(tensorNameBytesMax)
    if (name === '' || unprintable.test(name)) reader.fail('not a printable name', infoOffset)
    reader.field = `tensor ${name}`
    if (names.has(name)) reader.fail('it stands there twice', infoOffset)
    names.add(name)
    infos.push(await readTensorInfo(reader, name, infoOffset, alignmentBytes))
  }
  return infos
}

async function readTensorInfo(
  reader: HeaderReader,
  name: string,
  infoOffset: number,
  alignmentBytes: number,
): Promise<TensorInfo> {
  const dimensionCount = await reader.u32()
  if (dimensionCount > tensorDimensionsMax) {
    reader.fail(`${dimensionCount} dimensions; the limit is ${tensorDimensionsMax}`, reader.position - 4)
  }
  await reader.need(dimensionCount * 8 + 12)
  const dimensions: number[] = []
  let elementCount = 1
  let productBound = 1
  for (let d = 0; d < dimensionCount; d++) {
    const size = reader.takeU64()
    // An empty dimension must not hide the overflow of the others. Rounding is monotonic: no unsafe product looks safe.
    productBound *= Math.max(1, size)
    if (!Number.isSafeInteger(productBound)) reader.fail('the product of its dimensions overflows', reader.position - 8)
    elementCount *= size
    dimensions.push(size)
  }
  const typeId = reader.takeU32()
  const type = tensorTypeById(typeId) ?? reader.fail(`tensor type ${typeId} is unknown`, reader.position - 4)
  if ((dimensions[0] ?? 1) % type.blockElements !== 0) {
    reader.fail(`rows of ${dimensions[0] ?? 1} are no whole number of ${type.name} blocks of ${type.blockElements}`)
  }
  const sizeBytes = tensorBytes(type, elementCount)
  const offsetBytes = reader.takeU64()
  if (offsetBytes % alignmentBytes !== 0) {
    reader.fail(`offset ${offsetBytes} is no multiple of ${alignmentBytes}`, reader.position - 8)
  }
  return { name, dimensions, type, elementCount, offsetBytes, sizeBytes, infoOffset }
}

/** Offsets become absolute; ranges must lie inside the file and apart from one another. */
function placeTensors(
  reader: HeaderReader,
  infos: TensorInfo[],
  dataOffset: number,
  fileSizeBytes: number,
): GgufTensor[] {
  const sorted = infos.toSorted((a, b) => a.offsetBytes - b.offsetBytes)
  let end = dataOffset
  let previous = 'header'
  return sorted.map(({ infoOffset, ...tensor }) => {
    reader.field = `tensor ${tensor.name}`
    const offsetBytes = tensor.offsetBytes + dataOffset
    if (offsetBytes < end) reader.fail(`it overlaps with ${previous}`, infoOffset)
    end = offsetBytes + tensor.sizeBytes
    if (end > fileSizeBytes) {
      reader.fail(`it ends at byte ${end}, the file has ${fileSizeBytes}`, infoOffset)
    }
    previous = `tensor ${tensor.name}`
    return { ...tensor, offsetBytes }
  })
}

/** The value where it is of that kind, else `undefined`: metadata is advice, not structure. */
export function textValue(values: ReadonlyMap<string, { value: MetaValue }>, key: string): string | undefined {
  const value = values.get(key)?.value
  return typeof value === 'string' ? value : undefined
}

export function countValue(values: ReadonlyMap<string, { value: MetaValue }>, key: string): number | undefined {
  const value = values.get(key)?.value
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
