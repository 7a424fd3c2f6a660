/** Our own file of a fetched model: created with its final size, filled chunk by chunk. */
import { type FileHandle, mkdir, open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Injected, so that tests can have a full or failing disk. */
export interface WritableFile {
  /** Writes all of `buffers`, one after the other, from `position` on. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>
  /** The data is on the disk when it resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface FileOpener {
  open(path: string, sizeBytes: number): Promise<WritableFile>
  freeBytes(path: string): Promise<number>
}

export const diskFiles: FileOpener = {
  async open(path, sizeBytes) {
    await mkdir(dirname(path), { recursive: true })
    const handle = await openOrCreate(path)
    try {
      const { size } = await handle.stat()
      if (size !== sizeBytes) await handle.truncate(sizeBytes)
    } catch (error) {
      await handle.close()
      throw error
    }
    return new DiskFile(handle)
  },
  async freeBytes(path) {
    await mkdir(dirname(path), { recursive: true })
    const { bavail, bsize } = await statfs(dirname(path))
    return bavail * bsize
  },
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const handle = await open(path, 'wx+', 0o600)
  // The name must survive a power cut as well; some systems cannot sync a folder.
  const folder = await open(dirname(path), 'r').catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close()
  return handle
}

class DiskFile implements WritableFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const sizeBytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    let done = (await this.#handle.writev(buffers as Uint8Array[], position)).bytesWritten
    // A short write comes before a full disk; the rest gives the error, or goes through.
    while (done < sizeBytes) {
      const rest = dropFront(buffers, done)
      const { bytesWritten } = await this.#handle.writev(rest, position + done)
      done += bytesWritten
    }
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

function dropFront(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes
  const rest: Uint8Array[] = []
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(buffer.subarray(skip))
    skip = Math.max(0, skip - buffer.length)
  }
  return rest
}
