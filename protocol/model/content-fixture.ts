/** Made-up model content for tests: real roots over made-up leaves. */
import { seededRandom } from '../codec/decoder-suite.ts'
import { chunkBytes } from '../limits.ts'
import { type ContentFile, chunkCountOf, type ExtentLayout, type ModelContent } from './content.ts'
import { extentRoot, leafBytes } from './keys.ts'

/** Lays the extents end to end, gives every chunk a made-up digest, and derives the roots from them. */
export function buildContent(files: Omit<ExtentLayout, 'offsetBytes'>[][], seed = 1): ModelContent {
  const random = seededRandom(seed)
  const leafParts: Uint8Array[] = []
  const built = files.map((extents): ContentFile => {
    let offsetBytes = 0
    const placed = extents.map((extent) => {
      const leaves = new Uint8Array(chunkCountOf(extent) * leafBytes).map(() => Math.floor(random() * 256))
      leafParts.push(leaves)
      const result = { ...extent, offsetBytes, root: extentRoot(extent.sizeBytes, leaves) }
      offsetBytes += extent.sizeBytes
      return result
    })
    return { sizeBytes: offsetBytes, extents: placed }
  })
  return { files: built, leaves: new Uint8Array(Buffer.concat(leafParts)) }
}

export const tensor = (name: string, sizeBytes: number): Omit<ExtentLayout, 'offsetBytes'> => ({
  kind: 'tensor',
  name,
  dtype: 'F16',
  shape: [sizeBytes / 2],
  sizeBytes,
})
export const header = { kind: 'header', sizeBytes: 1000 } as const

export const smallContent = (): ModelContent =>
  buildContent([[header, tensor('a.weight', 3 * chunkBytes + 10), { kind: 'gap', sizeBytes: 22 }]])
