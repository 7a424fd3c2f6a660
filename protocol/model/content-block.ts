/**
 * The content block: a model's identity as published DAG-CBOR. Field tables: ./README.md.
 *
 * One content has exactly one set of blocks, so the model id follows from the bytes of the files. The loader holds peers
 * to that: what they sent must encode to the id that was asked for.
 */
import { z } from 'zod'
import { loadBlake3 } from '../codec/blake3.ts'
import { decodeCbor, decodeError, encodeCbor } from '../codec/cbor.ts'
import { cidOf, linkTo, tryLinkText } from '../codec/cid.ts'
import { extentRootBytes, parseShape, uint } from '../codec/schema.ts'
import { nextTurn, runInSlices, type Steps } from '../codec/steps.ts'
import { HartonomousError } from '../errors.ts'
import { extentRootToBytes, type ModelId } from '../ids.ts'
import {
  contentRootBytesMax,
  extentsPerModelMax,
  extentsPerTable,
  filesPerModelMax,
  haveBitsMax,
  leavesPerBlock,
  publishedBlockBytesMax,
} from '../limits.ts'
import {
  type Block,
  type ContentFile,
  chunkCountOf,
  type Extent,
  type ModelContent,
  type PublishedContent,
} from './content.ts'
import { contentSteps, layoutSteps } from './content-check.ts'
import { leafBytes } from './keys.ts'

const what = 'content block'
const leafBlockBytes = leavesPerBlock * leafBytes
/** Least that an extent takes: map 1, kind 5 + 4, offset 7 + 1, root 5 + 34, size 5 + 1. */
const extentBytesMin = 63
/** Blocks asked for at the same time: hides the round trip, holds at most 8 MiB. */
const blocksAtOnce = 8

// ---- encoding ----------------------------------------------------------------------------------------------------

/**
 * The blocks of a model, each once; `blocks[0]` is the root.
 * @throws {ERR_DECODE} @throws {ERR_LIMIT} when the content is not whole and sound
 */
export async function encodeContent(content: ModelContent): Promise<PublishedContent> {
  await loadBlake3()
  return runInSlices(encodeSteps(content))
}

function* encodeSteps(content: ModelContent): Steps<PublishedContent> {
  yield* contentSteps(content)
  return yield* encodeCheckedSteps(content)
}

function* encodeCheckedSteps(content: ModelContent): Steps<PublishedContent> {
  const blocks = new Map<string, Block>()
  const addBlock = (value: unknown) => {
    const block = toBlock(value, publishedBlockBytesMax)
    blocks.set(block.cid, block)
    return linkTo(block.cid)
  }
  const leaves: ReturnType<typeof linkTo>[] = []
  for (const part of split(content.leaves, leafBlockBytes)) {
    leaves.push(addBlock(part))
    yield
  }
  const extentCount = content.files.reduce((sum, file) => sum + file.extents.length, 0)
  const canBeInline = extentCount * extentBytesMin <= contentRootBytesMax
  const inline = () => content.files.map((file) => ({ size: file.sizeBytes, extents: file.extents.map(extentToWire) }))
  let root = canBeInline ? tryRootBlock({ v: 1, files: inline(), leaves }) : undefined
  if (root === undefined) {
    const linked: { size: number; tables: typeof leaves }[] = []
    for (const file of content.files) {
      const tables: typeof leaves = []
      for (const part of split(file.extents, extentsPerTable)) {
        tables.push(addBlock(part.map(extentToWire)))
        yield
      }
      linked.push({ size: file.sizeBytes, tables })
    }
    root = toBlock({ v: 1, files: linked, leaves }, contentRootBytesMax)
  }
  return { modelId: root.cid as ModelId, blocks: [root, ...blocks.values()] }
}

/** Undefined when it would be too large for a root: then all extents move into linked tables. */
function tryRootBlock(value: unknown): Block | undefined {
  const bytes = encodeCbor(value, { what, bytesMax: Number.POSITIVE_INFINITY })
  return bytes.length <= contentRootBytesMax ? { cid: cidOf(bytes), bytes } : undefined
}

function toBlock(value: unknown, bytesMax: number): Block {
  const bytes = encodeCbor(value, { what, bytesMax })
  return { cid: cidOf(bytes), bytes }
}

function extentToWire({ kind, name, dtype, shape, offsetBytes, sizeBytes, root }: Extent) {
  const place = { kind, offset: offsetBytes, size: sizeBytes, root: extentRootToBytes(root) }
  return kind === 'tensor' ? { ...place, name, dtype, shape } : place
}

function split<T extends Uint8Array | unknown[]>(items: T, partLength: number): T[] {
  const parts: T[] = []
  for (let at = 0; at < items.length; at += partLength) parts.push(items.slice(at, at + partLength) as T)
  return parts
}

// ---- loading -----------------------------------------------------------------------------------------------------

/** What the name, dtype and shape of an extent may be depends on its kind: `layoutSteps` says. */
const extentShape = z
  .object({
    kind: z.enum(['header', 'tensor', 'gap']),
    name: z.string().exactOptional(),
    dtype: z.string().exactOptional(),
    shape: z.array(z.number()).exactOptional(),
    offset: uint,
    size: uint,
    root: extentRootBytes,
  })
  .transform(({ offset, size, ...rest }): Extent => ({ ...rest, offsetBytes: offset, sizeBytes: size }))

const link = z.unknown().transform((value, context): string => {
  const cid = tryLinkText(value)
  if (cid === undefined) context.addIssue({ code: 'custom', message: 'not a link to a DAG-CBOR block under sha2-256' })
  return cid ?? ''
})

const rootShape = z.object({
  v: z.literal(1),
  files: z
    .array(
      z.union([
        z.object({ size: uint, extents: z.array(extentShape) }),
        z.object({ size: uint, tables: z.array(link) }),
      ]),
    )
    .min(1)
    .max(filesPerModelMax),
  leaves: z.array(link),
})
const tableShape = z.array(extentShape).min(1).max(extentsPerTable)
const leavesShape = z.instanceof(Uint8Array)

/** Gives the bytes of a block, from the local store or from peers. They are not trusted. */
export type GetBlock = (cid: string) => Promise<Uint8Array>

/**
 * Reads a model's content by its id. What it returns encodes to exactly `modelId`.
 * @throws {ERR_DECODE} @throws {ERR_LIMIT} for blocks that are not sound, and whatever `getBlock` throws
 */
export async function loadContent(modelId: ModelId, getBlock: GetBlock): Promise<ModelContent> {
  await loadBlake3()
  const rootBytes = await getVerified(modelId, contentRootBytesMax, getBlock)
  const root = parseShape(rootShape, decodeCbor(rootBytes, { what, bytesMax: contentRootBytesMax }), what)
  const files: ContentFile[] = []
  let extentsLeft = extentsPerModelMax
  for (const file of root.files) {
    const extents = 'extents' in file ? file.extents : await loadTables(file.tables, extentsLeft, getBlock)
    extentsLeft -= extents.length
    files.push({ sizeBytes: file.size, extents })
  }
  await runInSlices(layoutSteps({ files }))
  const content: ModelContent = { files, leaves: await loadLeaves(root.leaves, files, getBlock) }
  const encoded = await runInSlices(encodeSteps(content))
  if (encoded.modelId !== modelId) throw decodeError(what, 'model id', 0, 'another layout of the same content')
  return content
}

async function loadTables(links: string[], extentsLeft: number, getBlock: GetBlock): Promise<Extent[]> {
  if ((links.length - 1) * extentsPerTable >= extentsLeft)
    throw new HartonomousError('ERR_LIMIT', {
      what: 'extents of a model',
      limit: extentsPerModelMax,
      actual: extentsPerModelMax - extentsLeft + links.length * extentsPerTable,
    })
  const extents: Extent[] = []
  await forEachBlock(links, getBlock, (value) => {
    for (const extent of parseShape(tableShape, value, 'extent table')) extents.push(extent)
  })
  return extents
}

async function loadLeaves(links: string[], files: readonly ContentFile[], getBlock: GetBlock): Promise<Uint8Array> {
  const chunkCount = files.reduce(
    (sum, file) => sum + file.extents.reduce((n, extent) => n + chunkCountOf(extent), 0),
    0,
  )
  // Before the leaves are fetched: the same leaf block named a thousand times costs a liar half a MiB, and us half a GiB.
  if (chunkCount > haveBitsMax)
    throw new HartonomousError('ERR_LIMIT', { what: 'chunks of a model', limit: haveBitsMax, actual: chunkCount })
  const expected = Math.ceil(chunkCount / leavesPerBlock)
  if (links.length !== expected)
    throw decodeError(what, 'leaves', 0, `${links.length} leaf blocks for ${chunkCount} chunks, expected ${expected}`)
  const parts: Uint8Array[] = []
  await forEachBlock(links, getBlock, (value) => {
    const part = parseShape(leavesShape, value, 'leaf block')
    const isLast = parts.length === expected - 1
    const expectedBytes = isLast ? chunkCount * leafBytes - parts.length * leafBlockBytes : leafBlockBytes
    if (part.length !== expectedBytes)
      throw decodeError('leaf block', 'bytes', part.length, `expected ${expectedBytes} bytes`)
    parts.push(part)
  })
  const leaves = new Uint8Array(chunkCount * leafBytes)
  parts.forEach((part, index) => {
    leaves.set(part, index * leafBlockBytes)
  })
  return leaves
}

/** Fetches several at once and hands their values on in order. */
async function forEachBlock(cids: string[], getBlock: GetBlock, use: (value: unknown) => void): Promise<void> {
  for (let at = 0; at < cids.length; at += blocksAtOnce) {
    const part = cids.slice(at, at + blocksAtOnce)
    const blocks = await Promise.all(part.map((cid) => getVerified(cid, publishedBlockBytesMax, getBlock)))
    for (const bytes of blocks) {
      use(decodeCbor(bytes, { what, bytesMax: publishedBlockBytesMax }))
      await nextTurn()
    }
  }
}

async function getVerified(cid: string, bytesMax: number, getBlock: GetBlock): Promise<Uint8Array> {
  const bytes = await getBlock(cid)
  if (bytes.length > bytesMax) throw new HartonomousError('ERR_LIMIT', { what, limit: bytesMax, actual: bytes.length })
  if (cidOf(bytes) !== cid) throw decodeError(what, 'cid', 0, `the bytes are not those of ${cid}`)
  return bytes
}
