import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chunkBytes } from '#protocol/limits.ts'
import { MiB } from '#protocol/units.ts'
import { openFileSource } from '../file-source.ts'
import { readModelHeader } from '../header.ts'
import { type GeneratedType, generateModel, llamaPlan, s110Shape, shapeForSize } from './generate.ts'
import { ggufHeader } from './write.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hart-generate-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function headerOf(path: string) {
  const source = await openFileSource(path)
  try {
    return await readModelHeader([source])
  } finally {
    await source.close()
  }
}

describe('generated models', () => {
  test('generated models: have nearly the size asked for, and are models that can be run', async () => {
    const sizes: [number, GeneratedType][] = [
      [MiB, 'Q8_0'],
      [3 * MiB, 'Q4_0'],
      [7 * MiB, 'F16'],
      [10 * MiB, 'F32'],
    ]
    for (const [sizeBytes, dtype] of sizes) {
      const path = join(dir, 'model.gguf')
      const result = await generateModel({ path, sizeBytes, dtype })
      expect((await stat(path)).size).toBe(result.sizeBytes)
      expect(result.sizeBytes / sizeBytes, `${sizeBytes} bytes of ${dtype}`).toBeGreaterThan(0.99)
      expect(result.sizeBytes).toBeLessThanOrEqual(sizeBytes)
      const header = await headerOf(path)
      expect(header.unrunnable).toBeUndefined()
      expect(header.meta['llama.block_count']).toBe(result.shape.layers)
    }
  })

  test('generated models: large ones have the size asked for, too', () => {
    for (const sizeBytes of [100 * MiB, 256 * MiB, 1024 * MiB, 20_480 * MiB]) {
      const planned = ggufHeader(llamaPlan(shapeForSize(sizeBytes, 'Q8_0'), 'Q8_0', {})).sizeBytes
      expect(planned / sizeBytes, `${sizeBytes}`).toBeGreaterThan(0.99)
      expect(planned).toBeLessThanOrEqual(sizeBytes)
    }
  })

  test('generated models: the shape of the benchmark has 134 M parameters', () => {
    const { tensors } = llamaPlan(s110Shape, 'Q8_0', {})
    const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    expect(parameters).toBe(134_105_856)
  })

  test('generated models: the same seed gives the same bytes, another seed others, and no two chunks are alike', async () => {
    const digestOf = async (seed: number) => {
      const path = join(dir, `${seed}.gguf`)
      await generateModel({ path, sizeBytes: 24 * MiB, seed })
      const bytes = await readFile(path)
      const chunks = new Set<string>()
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        chunks.add(
          createHash('sha256')
            .update(bytes.subarray(at, at + chunkBytes))
            .digest('hex'),
        )
      }
      expect(chunks.size).toBe(Math.ceil(bytes.length / chunkBytes))
      return createHash('sha256').update(bytes).digest('hex')
    }
    const first = await digestOf(5)
    expect(await digestOf(5)).toBe(first)
    expect(await digestOf(6)).not.toBe(first)
  })

  test('generated models: shapes that make no model are refused', async () => {
    const path = join(dir, 'x.gguf')
    await expect(generateModel({ path, sizeBytes: 1000 })).rejects.toMatchObject({ code: 'ERR_USAGE' })
    await expect(generateModel({ path, shape: { ...s110Shape, width: 100 } })).rejects.toMatchObject({
      code: 'ERR_USAGE',
    })
    await expect(generateModel({ path, shape: { ...s110Shape, vocabulary: 256 } })).rejects.toMatchObject({
      code: 'ERR_USAGE',
    })
    const missing = join(dir, 'no', 'folder.gguf')
    await expect(generateModel({ path: missing, sizeBytes: MiB })).rejects.toMatchObject({ code: 'ERR_IO' })
  })
})
