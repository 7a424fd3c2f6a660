/** Files that hold keys: for their owner only, written whole or not at all. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import { secretFileBytesMax } from '#protocol/limits.ts'

/**
 * `undefined` where there is no such file. What it returns the caller fills with zeros when it is done.
 * @throws {ERR_KEY} where others may read it, or it is no file of ours @throws {ERR_IO}
 */
export async function readSecretFile(path: string): Promise<Buffer | undefined> {
  try {
    // A pipe without a writer would be waited for.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      // Of the open file, so that nobody exchanges it between the look and the reading.
      const { mode, size } = await file.stat()
      if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw refused(path, 'it is no regular file')
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw refused(path, 'others may read it: chmod 600 it')
      if (size > secretFileBytesMax) throw refused(path, `${size} bytes are no key`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error instanceof HartonomousError ? error : ioError(path, error)
  }
}

/** False where there is a file already and `replace` is not set. @throws {ERR_IO} */
export async function writeSecretFile(
  path: string,
  content: string | Uint8Array,
  options: { replace: boolean },
): Promise<boolean> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    if (options.replace) {
      await rename(temporary, path)
    } else {
      await link(temporary, path)
      await unlink(temporary)
    }
    return true
  } catch (error) {
    await unlink(temporary).catch(() => {})
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw ioError(path, error)
  }
}

function refused(path: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_KEY', { key: path, reason })
}

function ioError(path: string, error: unknown): HartonomousError {
  return new HartonomousError(
    'ERR_IO',
    { path, reason: error instanceof Error ? error.message : String(error) },
    { cause: error },
  )
}
