/**
 * Values of a tensor by positional reads. Files are not mapped into memory: one that its owner truncates under a mapping
 * ends the process with SIGBUS, where a read ends with an error.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { type BlockLayout, blockLayout, type NativeBinding } from '#native/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { peekBlockElements } from '#protocol/limits.ts'
import { identityDifference, identityFromStat } from '../chunks/index.ts'
import type { FileIdentity } from '../chunks/types.ts'
import type { PeekModel, PeekTensor } from './types.ts'

export class TensorReader {
  readonly model: PeekModel
  readonly #native: NativeBinding
  readonly #signal: AbortSignal | undefined
  readonly #handles = new Map<number, FileHandle>()
  readBytes = 0

  constructor(native: NativeBinding, model: PeekModel, signal?: AbortSignal) {
    this.#native = native
    this.model = model
    this.#signal = signal
  }

  async close(): Promise<void> {
    for (const handle of this.#handles.values()) await handle.close()
    this.#handles.clear()
  }

  /** @throws {ERR_NOT_FOUND} */
  tensor(name: string): PeekTensor {
    const found = this.model.tensors.find((tensor) => tensor.name === name)
    if (found === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'tensor', id: name })
    return found
  }

  /** The values of `count` elements from `first` on. @throws {ERR_NOT_HELD} {ERR_TENSOR_TYPE} {ERR_MODEL_FILE} {ERR_IO} {ERR_WITHDRAWN} */
  async values(tensor: PeekTensor, first: number, count: number): Promise<Float32Array> {
    const layout = this.#layout(tensor)
    const { blockElements, blockBytes } = layout
    const firstBlock = Math.floor(first / blockElements)
    const endBlock = Math.ceil((first + count) / blockElements)
    const bytes = await this.#read(tensor, firstBlock * blockBytes, (endBlock - firstBlock) * blockBytes)
    const values = new Float32Array((endBlock - firstBlock) * blockElements)
    this.#native.dequantize(layout.id, bytes, values)
    const skip = first - firstBlock * blockElements
    return values.subarray(skip, skip + count)
  }

  /** All values, in parts of `peekBlockElements`: memory stays the same for any tensor. */
  async *parts(tensor: PeekTensor): AsyncGenerator<Float32Array> {
    const count = elementCount(tensor)
    for (let first = 0; first < count; first += peekBlockElements)
      yield await this.values(tensor, first, Math.min(peekBlockElements, count - first))
  }

  #layout(tensor: PeekTensor): BlockLayout {
    const { name, dtype, shape, sizeBytes, offsetBytes, component, fileIndex } = tensor
    const { name: model, files } = this.model
    if (!tensor.isHeld) throw new HartonomousError('ERR_NOT_HELD', { what: `tensor ${name}`, model, component })
    const layout = blockLayout(dtype)
    if (layout === undefined) throw new HartonomousError('ERR_TENSOR_TYPE', { tensor: name, dtype })
    // What a peer published says so itself; nothing has held the three against one another yet.
    const blocks = elementCount(tensor) / layout.blockElements
    const isWhole =
      shape.every((size) => Number.isSafeInteger(size) && size >= 0) &&
      Number.isSafeInteger(blocks) &&
      (shape.at(-1) ?? 1) % layout.blockElements === 0
    if (isWhole && blocks * layout.blockBytes === sizeBytes) return layout
    throw new HartonomousError('ERR_MODEL_FILE', {
      file: files[fileIndex]?.path ?? model,
      field: `tensor ${name}`,
      offset: offsetBytes,
      reason: `${sizeBytes} bytes are no ${dtype} of shape ${shape.join(' x ')}`,
    })
  }

  async #read(tensor: PeekTensor, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    this.#signal?.throwIfAborted()
    const handle = await this.#handle(tensor.fileIndex)
    const { path, identity } = this.model.files[tensor.fileIndex]!
    const bytes = new Uint8Array(lengthBytes)
    let done = 0
    while (done < lengthBytes) {
      const { bytesRead } = await handle
        .read(bytes, done, lengthBytes - done, tensor.offsetBytes + offsetBytes + done)
        .catch((error: Error) => {
          throw new HartonomousError('ERR_IO', { path, reason: error.message }, { cause: error })
        })
      if (bytesRead === 0) {
        const offset = tensor.offsetBytes + offsetBytes + done
        throw new HartonomousError('ERR_MODEL_FILE', {
          file: path,
          field: 'file',
          offset,
          reason: 'the file ends here',
        })
      }
      done += bytesRead
    }
    this.readBytes += lengthBytes
    if (identity !== undefined) {
      const actual = identityFromStat(await handle.stat({ bigint: true }))
      const reason = identityDifference(JSON.parse(identity) as FileIdentity, actual)
      if (reason !== undefined) throw new HartonomousError('ERR_WITHDRAWN', { file: path, reason })
    }
    return bytes
  }

  async #handle(fileIndex: number): Promise<FileHandle> {
    const known = this.#handles.get(fileIndex)
    if (known !== undefined) return known
    const path = this.model.files[fileIndex]?.path ?? ''
    const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: path })
      throw new HartonomousError('ERR_IO', { path, reason: error.message }, { cause: error })
    })
    this.#handles.set(fileIndex, handle)
    return handle
  }
}

export function elementCount({ shape }: PeekTensor): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Elements of a row, and how many rows there are. A vector is one row. */
export function rowsOf({ shape }: PeekTensor): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1
  return { rows: shape.slice(0, -1).reduce((product, size) => product * size, 1), columns }
}
