/** Text files of one folder that the owner opened to workflows. */
import { constants } from 'node:fs'
import { open, readdir, realpath } from 'node:fs/promises'
import { extname, isAbsolute, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { type ErrorFields, HartonomousError } from '#protocol/errors.ts'
import { readFolderBytesMax, readFolderFilesMax } from '#protocol/limits.ts'
import { defineTool, type Tool } from './tool.ts'

const extensionsDefault = ['.txt', '.md']

/** `allowed`: folders of the configuration; what is below one is allowed, too. */
export function readFolder(allowed: readonly string[]): Tool {
  return defineTool({
    name: 'read-folder',
    description:
      'Text files of a folder as {name, text}, sorted by name; neither folders in it nor links are followed.',
    args: z.strictObject({
      folder: z.string().min(1).max(4096),
      extensions: z
        .array(z.string().regex(/^\.[\w-]{1,16}$/))
        .min(1)
        .max(16)
        .optional(),
    }),
    run: async ({ folder, extensions = extensionsDefault }, { signal }) => {
      const path = await allowedPath(folder, allowed)
      const names = await readdir(path, { withFileTypes: true })
      const wanted = names.filter((entry) => entry.isFile() && extensions.includes(extname(entry.name).toLowerCase()))
      atMost('files of a folder', readFolderFilesMax, wanted.length)
      const files: { name: string; text: string }[] = []
      let bytes = 0
      // By code unit: the order is the same in every locale.
      for (const name of wanted.map((entry) => entry.name).sort()) {
        signal.throwIfAborted()
        const content = await contentOf(join(path, name), readFolderBytesMax - bytes)
        bytes += content.length
        files.push({ name, text: textIn(name, content) })
      }
      return files
    },
  })
}

/** Links are followed before it is compared. @throws {ERR_FORBIDDEN} for one that is not there, too: nothing is told of it */
async function allowedPath(folder: string, allowed: readonly string[]): Promise<string> {
  const path = await realpath(resolve(folder)).catch(() => undefined)
  for (const one of allowed) {
    const root = await realpath(one).catch(() => undefined)
    if (path === undefined || root === undefined) continue
    const way = relative(root, path)
    if (!isAbsolute(way) && way.split(/[\\/]/)[0] !== '..') return path
  }
  const reason = allowed.length === 0 ? 'no folder is open to workflows' : `open to workflows are ${allowed.join(', ')}`
  throw new HartonomousError('ERR_FORBIDDEN', { action: `reading ${folder}`, reason })
}

/** One that became a link after it was listed is not opened. @throws {ERR_LIMIT} {ERR_IO} */
async function contentOf(path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch(
    (error: NodeJS.ErrnoException) => {
      throw new HartonomousError('ERR_IO', { path, reason: error.code ?? error.message }, { cause: error })
    },
  )
  try {
    const { size } = await file.stat()
    atMost('bytes of a folder', readFolderBytesMax, readFolderBytesMax - bytesMax + size)
    const buffer = Buffer.alloc(size)
    const { bytesRead } = await file.read(buffer, 0, size, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function textIn(name: string, content: Buffer): string {
  try {
    return decoder.decode(content)
  } catch (error) {
    const fields: ErrorFields['ERR_DECODE'] = { what: name, field: 'text', offset: 0, reason: 'not UTF-8' }
    throw new HartonomousError('ERR_DECODE', fields, { cause: error })
  }
}

function atMost(what: string, limit: number, actual: number): void {
  if (actual > limit) throw new HartonomousError('ERR_LIMIT', { what, limit, actual })
}
