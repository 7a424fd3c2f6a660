import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { MiB } from '#protocol/units.ts'
import { readModelHeader } from './header.ts'
import { memorySource, tinyModel } from './test-files.ts'
import type { ByteSource, ModelHeader } from './types.ts'

const model = tinyModel()

/** The header, or `undefined` where it was refused with one of our errors; anything else fails the test. */
async function readOrRefuse(bytes: Uint8Array): Promise<ModelHeader | undefined> {
  try {
    return await readModelHeader([memorySource(bytes)])
  } catch (error) {
    if (isHartonomousError(error)) return undefined
    throw error
  }
}

/** Whatever was accepted tiles the file, and belongs to components, exactly once. */
function expectTiled(header: ModelHeader): void {
  const seen = new Set(header.components.flatMap((component) => component.extents.map(String)))
  header.files.forEach((file, fileIndex) => {
    let end = 0
    file.extents.forEach((extent, extentIndex) => {
      expect(extent.offsetBytes).toBe(end)
      end += extent.sizeBytes
      expect(seen.delete(String([fileIndex, extentIndex]))).toBe(true)
    })
    expect(end).toBe(file.sizeBytes)
  })
  expect(seen.size).toBe(0)
}

test('model header: random bytes after the magic are refused or tiled, never anything else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(2, 3), async (bytes, version) => {
      const head = Buffer.concat([Buffer.from('GGUF'), Buffer.from([version, 0, 0, 0]), bytes])
      const header = await readOrRefuse(head)
      if (header !== undefined) expectTiled(header)
    }),
    { numRuns: 1000 },
  )
})

test('model header: a model with flipped bytes is refused or tiled', async () => {
  const position = fc.integer({ min: 0, max: model.length - 1 })
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(position, fc.nat(255)), { minLength: 1, maxLength: 8 }), async (changes) => {
      const bytes = Buffer.from(model)
      for (const [at, value] of changes) bytes[at] = value
      const header = await readOrRefuse(bytes)
      if (header !== undefined) {
        accepted++
        expectTiled(header)
      }
    }),
    { numRuns: 700 },
  )
  expect(accepted).toBeGreaterThan(0)
})

test('model header: any eight bytes replaced by an extreme number are refused or tiled, in bounded time', async () => {
  const extreme = fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 4, max: model.length - 8 }), extreme, async (at, value) => {
      const bytes = Buffer.from(model)
      bytes.writeBigUInt64LE(value, at)
      const startedAtMs = performance.now()
      const header = await readOrRefuse(bytes)
      expect(performance.now() - startedAtMs).toBeLessThan(2000)
      if (header !== undefined) expectTiled(header)
    }),
    { numRuns: 700 },
  )
})

/** `repeat` copies of `unit` after `head`, never in memory: what a sparse or a fast file could feed the parser. */
function endlessSource(head: Uint8Array, unit: Uint8Array, sizeBytes: number): ByteSource {
  return {
    name: 'hostile.gguf',
    sizeBytes,
    read: async (offsetBytes, lengthBytes) => {
      const phase = (((offsetBytes - head.length) % unit.length) + unit.length) % unit.length
      const bytes = Buffer.alloc(lengthBytes, Buffer.concat([unit.subarray(phase), unit.subarray(0, phase)]))
      bytes.set(head.subarray(offsetBytes, offsetBytes + lengthBytes))
      return bytes
    },
  }
}

const u64 = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const u32 = (value: number) => u64(value).subarray(0, 4)
const text = (value: string) => Buffer.concat([u64(value.length), Buffer.from(value)])

test('model header: arrays of millions of texts or arrays take bounded time and memory', async () => {
  const start = [Buffer.from('GGUF'), u32(3), u64(0), u64(1)]
  const items = 8 * 1024 * 1024
  const texts = [text('tokenizer.ggml.tokens'), u32(9), u32(8), u64(items)]
  const arrays = [text('k'), u32(9), u32(9), u64(items)]
  const cases: [Buffer, Buffer][] = [
    [Buffer.concat([...start, ...texts]), u64(1)],
    [Buffer.concat([...start, ...texts]), u64(0)],
    [Buffer.concat([...start, ...arrays]), Buffer.concat([u32(8), u64(0)])],
    [Buffer.concat([...start, ...arrays]), Buffer.concat([u32(9), u64(1)])],
  ]
  const before = process.memoryUsage.rss()
  for (const [head, unit] of cases) {
    const error = await readModelHeader([endlessSource(head, unit, head.length + items * 12)]).catch((e: unknown) => e)
    expect(isHartonomousError(error), String(error)).toBe(true)
  }
  expect((process.memoryUsage.rss() - before) / MiB).toBeLessThan(200)
})
