/**
 * Unpacks an npm tarball (gzip, POSIX ustar with pax headers) without `tar`, which slim systems may lack.
 *
 * Header block of 512 bytes (pax(5), "ustar"): name 0+100, mode 100+8, size 124+12 (octal), type 156+1, prefix 345+155.
 */
import { createReadStream, mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join, normalize, sep } from 'node:path'
import { createGunzip } from 'node:zlib'

const BLOCK_BYTES = 512
const PAX_BYTES_MAX = 64 * 1024

/** Writes the files under the archive's first folder (`package/`) into `folder`. Links and devices are refused. */
export async function extractTarball(file, folder) {
  const reader = createBlockReader(createReadStream(file).pipe(createGunzip()))
  let longName
  let fileCount = 0
  for (;;) {
    const header = await reader.take(BLOCK_BYTES)
    if (header === undefined || header.every((byte) => byte === 0)) break
    const sizeBytes = Number.parseInt(text(header, 124, 12), 8)
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Error(`${file}: bad size in a tar header`)
    const type = String.fromCharCode(header[156] || 0x30)
    if (type === 'x') {
      longName = paxPath(await readPadded(reader, sizeBytes, PAX_BYTES_MAX)) ?? longName
      continue
    }
    const prefix = text(header, 345, 155)
    const name = longName ?? (prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100))
    longName = undefined
    if (type === '0') {
      const isExecutable = (Number.parseInt(text(header, 100, 8), 8) & 0o111) !== 0
      await writeEntry(reader, pathInside(folder, name), sizeBytes, isExecutable ? 0o755 : 0o644)
      fileCount++
    } else if (type === '5' || type === 'g') await readPadded(reader, sizeBytes, PAX_BYTES_MAX)
    else throw new Error(`${file}: tar entry ${name} has type ${type}; only files and folders are expected`)
  }
  if (fileCount === 0) throw new Error(`${file}: no files inside`)
  return fileCount
}

function text(block, offset, length) {
  const end = block.indexOf(0, offset)
  return block.toString('utf8', offset, end < 0 || end > offset + length ? offset + length : end).trim()
}

/** `package/bin/node` -> `<folder>/bin/node`; a name that would leave the folder is refused. */
function pathInside(folder, name) {
  const inner = normalize(name.slice(name.indexOf('/') + 1))
  const path = join(folder, inner)
  if (!name.includes('/') || inner.includes('\0') || !path.startsWith(folder + sep)) {
    throw new Error(`tar entry ${JSON.stringify(name)} points outside its folder`)
  }
  return path
}

/** Records are `<length> <key>=<value>\n`; only `path` matters here. */
function paxPath(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number.parseInt(bytes.toString('latin1', at, space), 10)
    if (!(length > 0)) return undefined
    const record = bytes.toString('utf8', space + 1, at + length - 1)
    if (record.startsWith('path=')) return record.slice(5)
    at += length
  }
  return undefined
}

async function readPadded(reader, sizeBytes, maxBytes) {
  if (sizeBytes > maxBytes) throw new Error(`a tar header of ${sizeBytes} bytes is too long`)
  const padded = await reader.take(Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES)
  if (padded === undefined) throw new Error('the tarball ends too early')
  return padded.subarray(0, sizeBytes)
}

async function writeEntry(reader, path, sizeBytes, mode) {
  mkdirSync(dirname(path), { recursive: true })
  const handle = await open(path, 'w', mode)
  try {
    for (let left = sizeBytes; left > 0; ) {
      const part = await reader.takeSome(left)
      await handle.writeFile(part)
      left -= part.length
    }
  } finally {
    await handle.close()
  }
  const padding = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES
  if (padding > 0) await reader.take(padding)
}

function createBlockReader(stream) {
  const iterator = stream[Symbol.asyncIterator]()
  let rest = Buffer.alloc(0)
  const more = async () => {
    const { value, done } = await iterator.next()
    if (!done) rest = rest.length === 0 ? value : Buffer.concat([rest, value])
    return !done
  }
  return {
    /** Exactly `length` bytes, or undefined at the end of the stream. */
    take: async (length) => {
      while (rest.length < length) {
        if (await more()) continue
        if (rest.length > 0) throw new Error('the tarball ends too early')
        return undefined
      }
      const taken = rest.subarray(0, length)
      rest = rest.subarray(length)
      return taken
    },
    /** At least one byte, at most `length`. */
    takeSome: async (length) => {
      while (rest.length === 0) if (!(await more())) throw new Error('the tarball ends too early')
      const taken = rest.subarray(0, length)
      rest = rest.subarray(taken.length)
      return taken
    },
  }
}
