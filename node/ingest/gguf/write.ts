/** Writes GGUF files, version 2 or 3: for tests, generated models and benchmarks. Tensor data is streamed. */
import assert from 'node:assert/strict'
import { type FileHandle, open } from 'node:fs/promises'
import { HartonomousError } from '#protocol/errors.ts'
import { MiB } from '#protocol/units.ts'
import { tensorBytes, tensorTypeByName } from './dtypes.ts'
import { type ValueTypeName, valueTypeNames } from './value.ts'

type Scalar = Exclude<ValueTypeName, 'array'>

/** Texts may be given as bytes, valid UTF-8 or not. */
export type GgufScalar = number | bigint | boolean | string | Uint8Array

export type GgufValue =
  | { type: Scalar; value: GgufScalar }
  | { type: 'array'; itemType: Scalar; items: ArrayLike<GgufScalar> }

export interface GgufTensorPlan {
  name: string
  /** A name of `tensorTypes`. */
  dtype: string
  /** Row-major, slowest dimension first, as in `ExtentLayout`. */
  shape: number[]
  /** The data in order, in pieces of any size; zeros (a hole in the file where possible) if it is missing. */
  data?: () => Iterable<Uint8Array>
}

export interface GgufPlan {
  version?: 2 | 3
  alignmentBytes?: number
  values: Record<string, GgufValue>
  tensors: GgufTensorPlan[]
}

export const gguf = {
  text: (value: string | Uint8Array): GgufValue => ({ type: 'string', value }),
  u32: (value: number): GgufValue => ({ type: 'u32', value }),
  f32: (value: number): GgufValue => ({ type: 'f32', value }),
  bool: (value: boolean): GgufValue => ({ type: 'bool', value }),
  array: (itemType: Scalar, items: ArrayLike<GgufScalar>): GgufValue => ({ type: 'array', itemType, items }),
}

/** Bytes and where each tensor's data goes. `values` must hold `general.alignment` itself where it is not 32. */
export function ggufHeader(plan: GgufPlan): { header: Buffer; offsets: number[]; sizeBytes: number } {
  const alignment = plan.alignmentBytes ?? 32
  const out = new ByteWriter()
  out.raw(Buffer.from('GGUF'))
  out.scalar('u32', plan.version ?? 3)
  out.scalar('u64', plan.tensors.length)
  out.scalar('u64', Object.keys(plan.values).length)
  for (const [key, value] of Object.entries(plan.values)) {
    out.scalar('string', key)
    out.scalar('u32', valueTypeNames.indexOf(value.type))
    if (value.type === 'array') {
      out.scalar('u32', valueTypeNames.indexOf(value.itemType))
      out.scalar('u64', value.items.length)
      for (let i = 0; i < value.items.length; i++) out.scalar(value.itemType, value.items[i]!)
    } else {
      out.scalar(value.type, value.value)
    }
  }
  const relative: number[] = []
  let end = 0
  for (const tensor of plan.tensors) {
    const offset = align(end, alignment)
    relative.push(offset)
    end = offset + plannedBytes(tensor)
    out.scalar('string', tensor.name)
    out.scalar('u32', tensor.shape.length)
    for (const size of tensor.shape.toReversed()) out.scalar('u64', size)
    out.scalar('u32', tensorTypeByName(tensor.dtype)!.id)
    out.scalar('u64', offset)
  }
  const header = out.bytes()
  const dataOffset = align(header.length, alignment)
  const sizeBytes = plan.tensors.length === 0 ? header.length : dataOffset + align(end, alignment)
  return { header, offsets: relative.map((offset) => dataOffset + offset), sizeBytes }
}

/** The whole file in memory. */
export function encodeGguf(plan: GgufPlan): Buffer {
  const { header, offsets, sizeBytes } = ggufHeader(plan)
  const bytes = Buffer.alloc(sizeBytes)
  header.copy(bytes)
  plan.tensors.forEach((tensor, index) => {
    let at = offsets[index]!
    for (const piece of tensor.data?.() ?? []) {
      bytes.set(piece, at)
      at += piece.length
    }
    assert(
      tensor.data === undefined || at === offsets[index]! + plannedBytes(tensor),
      `${tensor.name}: size of its data`,
    )
  })
  return bytes
}

/** Returns the size. @throws {ERR_IO} {ERR_DISK_FULL} */
export async function writeGguf(
  path: string,
  plan: GgufPlan,
  options: { signal?: AbortSignal; onProgress?: (doneBytes: number, totalBytes: number) => void } = {},
): Promise<number> {
  const { header, offsets, sizeBytes } = ggufHeader(plan)
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'w')
    await handle.truncate(sizeBytes)
    await writeFully(handle, header, 0)
    for (const [index, tensor] of plan.tensors.entries()) {
      let at = offsets[index]!
      for (const piece of tensor.data?.() ?? []) {
        options.signal?.throwIfAborted()
        await writeFully(handle, piece, at)
        at += piece.length
        options.onProgress?.(at, sizeBytes)
      }
      assert(
        tensor.data === undefined || at === offsets[index]! + plannedBytes(tensor),
        `${tensor.name}: size of its data`,
      )
    }
    return sizeBytes
  } catch (error) {
    throw writeError(path, sizeBytes, error)
  } finally {
    await handle?.close()
  }
}

function writeError(path: string, neededBytes: number, error: unknown): unknown {
  const code = (error as { code?: unknown }).code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HartonomousError('ERR_DISK_FULL', { path, neededBytes }, { cause: error })
  }
  if ((error as { syscall?: unknown }).syscall === undefined) return error
  return new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}

function plannedBytes(tensor: GgufTensorPlan): number {
  const type = tensorTypeByName(tensor.dtype)
  assert(type !== undefined, `${tensor.dtype} is a tensor type`)
  const elements = tensor.shape.reduce((product, size) => product * size, 1)
  assert((tensor.shape.at(-1) ?? 1) % type.blockElements === 0, `${tensor.name}: rows are whole blocks`)
  return tensorBytes(type, elements)
}

function align(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

/** Grows by doubling. */
class ByteWriter {
  #buffer = Buffer.alloc(MiB)
  #length = 0

  #room(bytes: number): number {
    while (this.#length + bytes > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer], this.#buffer.length * 2)
    }
    const at = this.#length
    this.#length += bytes
    return at
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length)
    this.#buffer.set(bytes, at)
  }

  scalar(type: Scalar, value: GgufScalar): void {
    if (type === 'string') {
      const text = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array)
      this.scalar('u64', text.length)
      this.raw(text)
      return
    }
    const at = this.#room(scalarWriters[type].bytes)
    scalarWriters[type].write(this.#buffer, value, at)
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

type ScalarWriter = { bytes: number; write: (buffer: Buffer, value: GgufScalar, at: number) => unknown }

const scalarWriters: Record<Exclude<Scalar, 'string'>, ScalarWriter> = {
  u8: { bytes: 1, write: (buffer, value, at) => buffer.writeUInt8(Number(value), at) },
  i8: { bytes: 1, write: (buffer, value, at) => buffer.writeInt8(Number(value), at) },
  u16: { bytes: 2, write: (buffer, value, at) => buffer.writeUInt16LE(Number(value), at) },
  i16: { bytes: 2, write: (buffer, value, at) => buffer.writeInt16LE(Number(value), at) },
  u32: { bytes: 4, write: (buffer, value, at) => buffer.writeUInt32LE(Number(value), at) },
  i32: { bytes: 4, write: (buffer, value, at) => buffer.writeInt32LE(Number(value), at) },
  f32: { bytes: 4, write: (buffer, value, at) => buffer.writeFloatLE(Number(value), at) },
  bool: { bytes: 1, write: (buffer, value, at) => buffer.writeUInt8(Number(value), at) },
  u64: { bytes: 8, write: (buffer, value, at) => buffer.writeBigUInt64LE(BigInt(value as number), at) },
  i64: { bytes: 8, write: (buffer, value, at) => buffer.writeBigInt64LE(BigInt(value as number), at) },
  f64: { bytes: 8, write: (buffer, value, at) => buffer.writeDoubleLE(Number(value), at) },
}
