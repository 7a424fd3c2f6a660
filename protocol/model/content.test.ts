import { describe, expect, test } from 'vitest'
import { blake3 } from '../codec/blake3.ts'
import type { ExtentRoot, ModelId } from '../ids.ts'
import { chunkBytes, extentsPerModelMax } from '../limits.ts'
import { buildContent, smallContent, tensor } from './content-fixture.ts'
import { catalogueKey, chunkPlaces, componentKey, encodeContent, extentRoot, leafBytes } from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const withCode = (code: string) => expect.objectContaining({ code })

describe('content', () => {
  test('content: encoding refuses what is not whole', async () => {
    const cut = smallContent()
    await expect(encodeContent({ ...cut, leaves: cut.leaves.subarray(32) })).rejects.toEqual(withCode('ERR_DECODE'))
    const twice = buildContent([[tensor('a', 10)], [tensor('a', 10)]])
    await expect(encodeContent(twice)).rejects.toEqual(withCode('ERR_DECODE'))
    await expect(encodeContent({ files: [], leaves: new Uint8Array() })).rejects.toEqual(withCode('ERR_DECODE'))
    const many = { sizeBytes: 1, extents: new Array(extentsPerModelMax + 1).fill(cut.files[0]!.extents[0]) }
    await expect(encodeContent({ files: [many], leaves: cut.leaves })).rejects.toEqual(withCode('ERR_LIMIT'))
  })

  test('content: the chunk places cover every byte once, with the leaf of each chunk', () => {
    const content = smallContent()
    const places = chunkPlaces(content)
    expect(places.length).toBe(content.leaves.length / leafBytes)
    let end = 0
    for (const place of places) {
      expect(place.offsetInFileBytes).toBe(end)
      end += place.sizeBytes
    }
    expect(end).toBe(content.files[0]!.sizeBytes)
  })

  test('extent root: is BLAKE3 over domain, size and leaves', () => {
    const leaves = new Uint8Array(64).fill(5)
    const size = chunkBytes + 1
    const preimage = Buffer.concat([Buffer.from('hartonomous/extent/1'), Buffer.alloc(8), leaves])
    preimage.writeBigUInt64LE(BigInt(size), 20)
    expect(extentRoot(size, leaves)).toBe(Buffer.from(blake3(preimage)).toString('hex') as ExtentRoot)
    expect(extentRoot(size + 1, leaves)).not.toBe(extentRoot(size, leaves))
  })

  test('keys: are those of the vectors, and differ by every field', () => {
    const modelId = vectors.content[0]!.value as ModelId
    expect(catalogueKey()).toBe(vectors.catalogueKey)
    const input = { indexVersion: 1, modelId, kind: 'attention', layer: 3 }
    expect(componentKey(input)).toBe(vectors.componentKey)
    const others = [
      { ...input, indexVersion: 2 },
      { ...input, kind: 'ffn' },
      { ...input, layer: 4 },
    ]
    const keys = [input, ...others, { indexVersion: 1, modelId, kind: 'attention' }].map(componentKey)
    expect(new Set(keys).size).toBe(5)
  })
})
