import { appendFileSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { appendFile, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { blake3 } from '#protocol/codec/blake3.ts'
import { MiB } from '#protocol/units.ts'
import { hashFileExtents } from './hash-file.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hart-hash-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

function pattern(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  for (let i = 0; i < sizeBytes; i += 4) bytes.writeUInt32LE((i * 2654435761) >>> 0, Math.min(i, sizeBytes - 4))
  return bytes
}

/** Slow and obvious: one slice per chunk. */
function expectedLeaves(bytes: Buffer, extents: { offsetBytes: number; sizeBytes: number }[]): Buffer {
  const leaves: Uint8Array[] = []
  for (const { offsetBytes, sizeBytes } of extents) {
    for (let at = 0; at < sizeBytes; at += MiB) {
      const from = offsetBytes + at
      leaves.push(blake3(bytes.subarray(from, Math.min(from + MiB, offsetBytes + sizeBytes))))
    }
  }
  return Buffer.concat(leaves)
}

const sizes = [1000, 24, 0, 3 * MiB + 5, 7, 5 * MiB, MiB, 12_345, ...Array.from({ length: 300 }, (_, i) => i * 3)]
function layout() {
  let offsetBytes = 0
  return sizes.map((sizeBytes) => {
    const extent = { offsetBytes, sizeBytes }
    offsetBytes += sizeBytes
    return extent
  })
}

describe('hash file', () => {
  test('hash file: leaves of many small and large extents equal the hashes of their slices', async () => {
    const extents = layout()
    const bytes = pattern(sizes.reduce((a, b) => a + b))
    const path = join(dir, 'model')
    await writeFile(path, bytes)
    const parts: Uint8Array[] = []
    const progress: number[] = []
    const { leaves, identity } = await hashFileExtents(path, extents, {
      onLeaves: (part) => parts.push(part),
      onProgress: (done) => progress.push(done),
    })
    expect(Buffer.from(leaves).equals(expectedLeaves(bytes, extents))).toBe(true)
    expect(Buffer.concat(parts).equals(leaves)).toBe(true)
    expect(progress.at(-1)).toBe(bytes.length)
    expect(identity.sizeBytes).toBe(bytes.length)
  })

  test('hash file: skipped chunks are left out and the rest is the same', async () => {
    const extents = layout()
    const bytes = pattern(sizes.reduce((a, b) => a + b))
    const path = join(dir, 'model')
    await writeFile(path, bytes)
    const all = await hashFileExtents(path, extents)
    for (const skipChunks of [1, 5, 9, all.leaves.length / 32]) {
      const { leaves } = await hashFileExtents(path, extents, { skipChunks, identity: all.identity })
      expect(Buffer.from(leaves).equals(all.leaves.subarray(skipChunks * 32))).toBe(true)
    }
  })

  test('hash file: an aborted pass has handed out exactly the leaves it hashed', async () => {
    const extents = [{ offsetBytes: 0, sizeBytes: 32 * MiB }]
    const path = join(dir, 'model')
    const bytes = pattern(32 * MiB)
    await writeFile(path, bytes)
    const controller = new AbortController()
    const parts: Uint8Array[] = []
    const pass = hashFileExtents(path, extents, {
      signal: controller.signal,
      onLeaves: (part) => parts.push(part),
      onProgress: (done) => {
        if (done >= 8 * MiB) controller.abort(new Error('enough'))
      },
    })
    await expect(pass).rejects.toThrow('enough')
    const got = Buffer.concat(parts)
    expect(got.length / 32).toBe(8)
    expect(got.equals(expectedLeaves(bytes, extents).subarray(0, got.length))).toBe(true)
  })

  test('hash file: a file that grows, shrinks or is replaced meanwhile is withdrawn', async () => {
    const changes: [string, (path: string) => void][] = [
      ['grows', (path) => appendFileSync(path, 'x')],
      ['shrinks', (path) => truncateSync(path, 100)],
      ['is replaced', (path) => renameSync(`${path}.new`, path)],
      ['is deleted', (path) => rmSync(path)],
    ]
    for (const [name, change] of changes) {
      const path = join(dir, name)
      await writeFile(path, pattern(16 * MiB))
      await writeFile(`${path}.new`, pattern(16 * MiB))
      let isChanged = false
      const pass = hashFileExtents(path, [{ offsetBytes: 0, sizeBytes: 16 * MiB }], {
        onProgress: () => {
          if (!isChanged) change(path)
          isChanged = true
        },
      })
      await expect(pass).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
    }
  })

  test('hash file: resuming under another identity is refused', async () => {
    const path = join(dir, 'model')
    await writeFile(path, pattern(MiB))
    const { identity } = await hashFileExtents(path, [{ offsetBytes: 0, sizeBytes: MiB }])
    await appendFile(path, 'x')
    const again = hashFileExtents(path, [{ offsetBytes: 0, sizeBytes: MiB }], { skipChunks: 1, identity })
    await expect(again).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
  })

  test('hash file: a missing file is an I/O error, a too short one is withdrawn', async () => {
    const none = hashFileExtents(join(dir, 'none'), [])
    await expect(none).rejects.toMatchObject({ code: 'ERR_IO' })
    const path = join(dir, 'short')
    await writeFile(path, 'short')
    const short = hashFileExtents(path, [{ offsetBytes: 0, sizeBytes: 6 }])
    await expect(short).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
  })

  test('hash file: a sparse file of 2 GiB needs less than 64 MiB of memory', async () => {
    const path = join(dir, 'sparse')
    const handle = await open(path, 'w')
    await handle.truncate(2048 * MiB)
    await handle.close()
    const before = process.memoryUsage().rss
    let peak = before
    await hashFileExtents(path, [{ offsetBytes: 0, sizeBytes: 2048 * MiB }], {
      onProgress: () => {
        peak = Math.max(peak, process.memoryUsage.rss())
      },
    })
    expect(peak - before).toBeLessThan(64 * MiB)
  })
})
