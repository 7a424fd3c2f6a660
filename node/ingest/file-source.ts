/** A local file as a `ByteSource`. */
import { type FileHandle, open } from 'node:fs/promises'
import { HartonomousError } from '#protocol/errors.ts'
import type { ByteSource } from './types.ts'

export interface FileSource extends ByteSource {
  close(): Promise<void>
}

/** @throws {ERR_NOT_FOUND} {ERR_IO} */
export async function openFileSource(path: string): Promise<FileSource> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw openError(path, error)
  }
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new HartonomousError('ERR_IO', { path, reason: 'not a file' })
    return {
      name: path,
      sizeBytes: stats.size,
      read: (offsetBytes, lengthBytes) => readExactly(handle, path, offsetBytes, lengthBytes),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

export function openError(path: string, error: unknown): HartonomousError {
  const code = (error as { code?: unknown }).code
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: path }, { cause: error })
  }
  return new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
}

async function readExactly(
  handle: FileHandle,
  path: string,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(lengthBytes)
  let done = 0
  while (done < lengthBytes) {
    let bytesRead: number
    try {
      ;({ bytesRead } = await handle.read(bytes, done, lengthBytes - done, offsetBytes + done))
    } catch (error) {
      throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
    }
    if (bytesRead === 0) {
      throw new HartonomousError('ERR_MODEL_FILE', {
        file: path,
        field: 'file',
        offset: offsetBytes + done,
        reason: 'the file ends here',
      })
    }
    done += bytesRead
  }
  return bytes
}
