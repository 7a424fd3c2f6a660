import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { cidOf, linkTo } from '../codec/cid.ts'
import { fuzzDecoder, type Vector, vectorBytes } from '../codec/decoder-suite.ts'
import { isHartonomousError } from '../errors.ts'
import { extentRootToBytes, type ModelId, parseModelId } from '../ids.ts'
import {
  chunkBytes,
  contentRootBytesMax,
  extentsPerModelMax,
  haveBitsMax,
  leavesPerBlock,
  modelBytesMax,
} from '../limits.ts'
import { buildContent, header, smallContent, tensor } from './content-fixture.ts'
import { type Block, encodeContent, extentRoot, leafBytes, loadContent } from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

function blockGetter(blocks: readonly Block[]) {
  const byCid = new Map(blocks.map((block) => [block.cid, block.bytes]))
  const asked: string[] = []
  const getBlock = (cid: string) => {
    asked.push(cid)
    const bytes = byCid.get(cid)
    return bytes === undefined ? Promise.reject(new Error(`no block ${cid}`)) : Promise.resolve(bytes)
  }
  return { getBlock, asked }
}

/** Many small tensors, so that the root would be larger than allowed. */
const large = () =>
  buildContent([
    [header, ...Array.from({ length: 3000 }, (_, at) => tensor(`blk.${at}.ffn_up.weight`, 4096))],
    [header, ...Array.from({ length: 10 }, (_, at) => tensor(`output.${at}`, 4096))],
  ])

describe('content block', () => {
  test('content block: loads what was encoded, small with inline extents', async () => {
    const content = smallContent()
    const { modelId, blocks } = await encodeContent(content)
    expect(parseModelId(modelId)).toBe(blocks[0]!.cid)
    expect(blocks.length).toBe(2)
    expect(await loadContent(modelId, blockGetter(blocks).getBlock)).toEqual(content)
  })

  test('content block: large tables are linked, and the root keeps to its size', async () => {
    const content = large()
    const { modelId, blocks } = await encodeContent(content)
    expect(blocks[0]!.bytes.length).toBeLessThanOrEqual(contentRootBytesMax)
    expect(blocks.length).toBe(1 + 1 + 2 + 1)
    expect(await loadContent(modelId, blockGetter(blocks).getBlock)).toEqual(content)
  })

  test('content block: turns to linked tables exactly where the inline root would pass its limit', async () => {
    const rootBytes = async (count: number) => {
      const { blocks } = await encodeContent(buildContent([Array(count).fill({ kind: 'gap', sizeBytes: 1 })]))
      return blocks[0]!.bytes.length
    }
    // Linked, a root is tiny; so the first count that is linked is found by its size.
    let [inline, linked] = [1000, 4300]
    while (linked - inline > 1) {
      const middle = (inline + linked) >> 1
      if ((await rootBytes(middle)) > 10_000) inline = middle
      else linked = middle
    }
    const largest = await rootBytes(inline)
    expect(largest).toBeLessThanOrEqual(contentRootBytesMax)
    expect(largest).toBeGreaterThan(contentRootBytesMax - 100)
  })

  test('content block: equal blocks are published once and read at each place', async () => {
    const tensorBytes = leavesPerBlock * chunkBytes
    const content = buildContent([[tensor('a', tensorBytes), tensor('b', tensorBytes), tensor('c', chunkBytes)]])
    content.leaves.fill(7)
    const root = extentRoot(tensorBytes, content.leaves.subarray(0, leavesPerBlock * leafBytes))
    const [file] = content.files
    file!.extents[0]!.root = root
    file!.extents[1]!.root = root
    file!.extents[2]!.root = extentRoot(chunkBytes, content.leaves.subarray(0, leafBytes))
    const { modelId, blocks } = await encodeContent(content)
    expect(blocks.length).toBe(3)
    expect(await loadContent(modelId, blockGetter(blocks).getBlock)).toEqual(content)
  })

  test('content block: any sound content survives, and one content has one id', async () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 3 * chunkBytes }))
    const gap = sizes.map((sizeBytes) => ({ kind: 'gap', sizeBytes }) as const)
    const anyTensor = fc.record({
      kind: fc.constant('tensor' as const),
      name: fc.stringMatching(/^[\p{L}\d._-]{1,20}$/u),
      dtype: fc.constantFrom('F32', 'Q4_K', 'IQ2_XXS'),
      shape: fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 4 }),
      sizeBytes: fc.oneof(fc.constant(0), sizes),
    })
    const file = fc.array(fc.oneof(gap, anyTensor), { maxLength: 8 }).map((rest) => [header, ...rest])
    const models = fc
      .array(file, { minLength: 1, maxLength: 3 })
      .map((files) =>
        files.map((extents, at) => extents.map((e, i) => ('name' in e ? { ...e, name: `${e.name}${at}.${i}` } : e))),
      )
    await fc.assert(
      fc.asyncProperty(models, fc.nat(), async (files, seed) => {
        const content = buildContent(files, seed)
        const { modelId, blocks } = await encodeContent(content)
        expect(await loadContent(modelId, blockGetter(blocks).getBlock)).toEqual(content)
        expect((await encodeContent(structuredClone(content))).modelId).toBe(modelId)
      }),
      { numRuns: 50 },
    )
  })

  test.each(vectors.content as (Vector & { blocks: string[] })[])(
    'content block: golden id of $name',
    async (vector) => {
      const blocks = vector.blocks.map((hex) => ({ bytes: vectorBytes({ hex }), cid: cidOf(vectorBytes({ hex })) }))
      const content = await loadContent(vector.value as ModelId, blockGetter(blocks).getBlock)
      expect(await encodeContent(content)).toEqual({ modelId: vector.value, blocks })
      expect(content).toEqual(smallContent())
    },
  )
})

describe('content block from a peer', () => {
  /** Encodes a root of any shape, with the leaf block of `small`. */
  async function hostile(change: (root: { v: number; files: unknown[]; leaves: unknown[] }) => void) {
    const content = smallContent()
    const leafBlock = (await encodeContent(content)).blocks[1]!
    const files = content.files.map((file) => ({
      size: file.sizeBytes,
      extents: file.extents.map(({ offsetBytes, sizeBytes, root, ...rest }) => ({
        ...rest,
        offset: offsetBytes,
        size: sizeBytes,
        root: extentRootToBytes(root),
      })),
    }))
    const root = { v: 1, files: files as unknown[], leaves: [linkTo(leafBlock.cid)] as unknown[] }
    change(root)
    const bytes = encodeCbor(root, { what: 'test', bytesMax: 1e9 })
    const cid = cidOf(bytes) as ModelId
    return { modelId: cid, blocks: [{ cid, bytes }, leafBlock] }
  }
  type WireExtent = { kind: string; name?: string; offset: number; size: number; root: Uint8Array; shape?: unknown }
  const extentsOf = (root: { files: unknown[] }) => (root.files[0] as { extents: WireExtent[] }).extents

  test('content block from a peer: the unchanged one loads', async () => {
    const { modelId, blocks } = await hostile(() => {})
    expect(await loadContent(modelId, blockGetter(blocks).getBlock)).toEqual(smallContent())
  })

  test.each<[string, (root: { v: number; files: unknown[]; leaves: unknown[] }) => void]>([
    [
      'another version',
      (root) => {
        root.v = 2
      },
    ],
    [
      'no files',
      (root) => {
        root.files = []
      },
    ],
    [
      'a hole',
      (root) => {
        extentsOf(root)[2]!.offset += 1
      },
    ],
    [
      'an overlap',
      (root) => {
        extentsOf(root)[1]!.offset -= 1
      },
    ],
    [
      'a size past the file',
      (root) => {
        extentsOf(root)[2]!.size += 1
      },
    ],
    [
      'a wrong root',
      (root) => {
        extentsOf(root)[1]!.root = new Uint8Array(32)
      },
    ],
    [
      'a short root',
      (root) => {
        extentsOf(root)[1]!.root = new Uint8Array(31)
      },
    ],
    [
      'an unknown kind',
      (root) => {
        extentsOf(root)[0]!.kind = 'other'
      },
    ],
    [
      'a header with a name',
      (root) => {
        extentsOf(root)[0]!.name = 'x'
      },
    ],
    [
      'a tensor without a name',
      (root) => {
        delete extentsOf(root)[1]!.name
      },
    ],
    [
      'a tensor name with a control character',
      (root) => {
        extentsOf(root)[1]!.name = 'a\u001b[2J'
      },
    ],
    [
      'a negative shape',
      (root) => {
        extentsOf(root)[1]!.shape = [-1]
      },
    ],
    [
      'too few leaf blocks',
      (root) => {
        root.leaves = []
      },
    ],
    [
      'too many leaf blocks',
      (root) => {
        root.leaves.push(root.leaves[0])
      },
    ],
    [
      'a leaf link that is text',
      (root) => {
        root.leaves = ['bafy']
      },
    ],
    [
      'an unknown field, which would be a second id',
      (root) => {
        Object.assign(root, { extra: 1 })
      },
    ],
    [
      'tables where inline extents would fit',
      (root) => {
        root.files = [{ size: (root.files[0] as { size: number }).size, tables: [] }]
      },
    ],
  ])('content block from a peer: refuses %s', async (_, change) => {
    const { modelId, blocks } = await hostile(change)
    await expect(loadContent(modelId, blockGetter(blocks).getBlock)).rejects.toMatchObject({ code: 'ERR_DECODE' })
  })

  test('content block from a peer: refuses sound tables that another layout holds inline', async () => {
    const content = smallContent()
    const [root, leafBlock] = (await encodeContent(content)).blocks
    const inline = await hostile(() => {})
    expect(inline.modelId).toBe(root!.cid)
    const table = (await hostile(() => {})).blocks[0]!
    const extents = content.files[0]!.extents.map(({ offsetBytes, sizeBytes, root: extent, ...rest }) => ({
      ...rest,
      offset: offsetBytes,
      size: sizeBytes,
      root: extentRootToBytes(extent),
    }))
    const tableBytes = encodeCbor(extents, { what: 'test', bytesMax: 1e6 })
    const linked = await hostile((value) => {
      value.files = [{ size: content.files[0]!.sizeBytes, tables: [linkTo(cidOf(tableBytes))] }]
    })
    const blocks = [...linked.blocks, { cid: cidOf(tableBytes), bytes: tableBytes }, leafBlock!, table]
    await expect(loadContent(linked.modelId, blockGetter(blocks).getBlock)).rejects.toMatchObject({
      code: 'ERR_DECODE',
      fields: { field: 'model id' },
    })
  })

  test('content block from a peer: refuses bytes that are not those of the CID', async () => {
    const { modelId, blocks } = await encodeContent(smallContent())
    const { getBlock } = blockGetter(blocks)
    const lying = async (cid: string) => {
      const bytes = new Uint8Array(await getBlock(cid))
      if (cid !== modelId) bytes[bytes.length - 1]! ^= 1
      return bytes
    }
    await expect(loadContent(modelId, lying)).rejects.toMatchObject({ code: 'ERR_DECODE', fields: { field: 'cid' } })
  })

  test('content block from a peer: a root that is too large is refused before it is hashed', async () => {
    const { modelId } = await encodeContent(smallContent())
    const getBlock = () => Promise.resolve(new Uint8Array(contentRootBytesMax + 1))
    await expect(loadContent(modelId, getBlock)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
  })

  test('content block from a peer: a claim of many tables or bytes fails before they are fetched', async () => {
    const { blocks } = await encodeContent(smallContent())
    const tables = await hostile((root) => {
      root.files = [
        { size: 1, tables: new Array(Math.ceil(extentsPerModelMax / 2048) + 1).fill(linkTo(blocks[1]!.cid)) },
      ]
    })
    const first = blockGetter(tables.blocks)
    await expect(loadContent(tables.modelId, first.getBlock)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
    expect(first.asked).toEqual([tables.modelId])

    const huge = await hostile((root) => {
      const size = modelBytesMax + 1
      root.files = [{ size, extents: [{ kind: 'gap', offset: 0, size, root: new Uint8Array(32) }] }]
    })
    const second = blockGetter(huge.blocks)
    await expect(loadContent(huge.modelId, second.getBlock)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
    expect(second.asked).toEqual([huge.modelId])
  })

  test('content block from a peer: more chunks than a bitfield holds are refused before their leaves are fetched', async () => {
    const wide = await hostile((root) => {
      const size = (haveBitsMax + 1) * chunkBytes
      root.files = [{ size, extents: [{ kind: 'gap', offset: 0, size, root: new Uint8Array(32) }] }]
      root.leaves = new Array(Math.ceil((haveBitsMax + 1) / leavesPerBlock)).fill(root.leaves[0])
    })
    const { asked, getBlock } = blockGetter(wide.blocks)
    await expect(loadContent(wide.modelId, getBlock)).rejects.toMatchObject({
      code: 'ERR_LIMIT',
      fields: { what: 'chunks of a model' },
    })
    expect(asked).toEqual([wide.modelId])
  })

  test('content block from a peer: mutated roots give typed errors only', async () => {
    const { blocks } = await encodeContent(smallContent())
    // The fuzzer is synchronous: it collects inputs, which are then loaded under their own CIDs.
    const inputs: Uint8Array[] = []
    fuzzDecoder(
      (bytes) => {
        inputs.push(bytes)
        if (inputs.length > 1) encodeCbor(1, { what: 'x', bytesMax: 0 })
      },
      { samples: [blocks[0]!.bytes], runs: 1500 },
    )
    let refused = 0
    for (const bytes of inputs) {
      const cid = cidOf(bytes)
      const { getBlock } = blockGetter([{ cid, bytes }, blocks[1]!])
      await loadContent(cid as ModelId, getBlock).catch((error: unknown) => {
        if (!(error instanceof Error && error.message.startsWith('no block')))
          expect(isHartonomousError(error)).toBe(true)
        refused++
      })
    }
    expect(refused).toBeGreaterThan(1000)
  })
})
