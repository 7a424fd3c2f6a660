/** What must hold for the content of a model, whether it was just hashed or came from a peer. */
import { decodeError } from '../codec/cbor.ts'
import { lineUpTo, parseShape, uint } from '../codec/schema.ts'
import { runAtOnce, type Steps } from '../codec/steps.ts'
import { HartonomousError } from '../errors.ts'
import {
  dtypeBytesMax,
  extentsPerModelMax,
  filesPerModelMax,
  modelBytesMax,
  tensorDimensionsMax,
  tensorNameBytesMax,
} from '../limits.ts'
import { chunkCountOf, contentSizeBytes, type Extent, type ExtentLayout, type ModelContent } from './content.ts'
import { extentRoot, leafBytes } from './keys.ts'

const what = 'model content'
const tensorName = lineUpTo(tensorNameBytesMax).min(1)
const tensorDtype = lineUpTo(dtypeBytesMax).min(1)
const tensorShape = uint.array().max(tensorDimensionsMax)

/** Some 5 ms of work. */
const extentsPerStep = 512

interface Layout {
  files: readonly { sizeBytes: number; extents: readonly ExtentLayout[] }[]
}

/** Files and extents as far as they can be checked without hashes: also right after a header was read. */
export function checkLayout(content: Layout): void {
  runAtOnce(layoutSteps(content))
}

export function* layoutSteps({ files }: Layout): Steps<void> {
  if (files.length === 0) throw decodeError(what, 'files', 0, 'a model has at least one file')
  checkLimit('files of a model', filesPerModelMax, files.length)
  const extentCount = files.reduce((sum, file) => sum + file.extents.length, 0)
  checkLimit('extents of a model', extentsPerModelMax, extentCount)
  const names = new Set<string>()
  for (const [fileIndex, file] of files.entries()) {
    if (!Number.isSafeInteger(file.sizeBytes) || file.sizeBytes < 1)
      throw decodeError(what, `files.${fileIndex}.size`, 0, 'not a size')
    let endBytes = 0
    for (const [extentIndex, extent] of file.extents.entries()) {
      if (extentIndex % extentsPerStep === 0) yield
      const field = `files.${fileIndex}.extents.${extentIndex}`
      checkExtent(extent, field, names)
      if (extent.offsetBytes !== endBytes)
        throw decodeError(what, `${field}.offset`, extent.offsetBytes, `the extent before it ends at ${endBytes}`)
      endBytes += extent.sizeBytes
    }
    if (endBytes !== file.sizeBytes)
      throw decodeError(what, `files.${fileIndex}.size`, endBytes, `extents end at ${endBytes}, not ${file.sizeBytes}`)
  }
  checkLimit('bytes of a model', modelBytesMax, contentSizeBytes({ files }))
}

/** Everything: layout, number of leaves, and every extent root. */
export function checkContent(content: ModelContent): void {
  runAtOnce(contentSteps(content))
}

export function* contentSteps(content: ModelContent): Steps<void> {
  yield* layoutSteps(content)
  const chunkCount = content.files.reduce((sum, file) => sum + file.extents.reduce((n, e) => n + chunkCountOf(e), 0), 0)
  if (content.leaves.length !== chunkCount * leafBytes)
    throw decodeError(what, 'leaves', content.leaves.length, `expected ${chunkCount} leaves of ${leafBytes} bytes`)
  let at = 0
  for (const [fileIndex, file] of content.files.entries()) {
    for (const [extentIndex, extent] of file.extents.entries()) {
      if (extentIndex % extentsPerStep === 0) yield
      const end = at + chunkCountOf(extent) * leafBytes
      if (extentRoot(extent.sizeBytes, content.leaves.subarray(at, end)) !== extent.root)
        throw decodeError(what, `files.${fileIndex}.extents.${extentIndex}.root`, 0, 'does not follow from its leaves')
      at = end
    }
  }
}

function checkExtent(extent: ExtentLayout | Extent, field: string, names: Set<string>): void {
  const { kind, name, dtype, shape, offsetBytes, sizeBytes } = extent
  if (!Number.isSafeInteger(offsetBytes) || !Number.isSafeInteger(sizeBytes) || offsetBytes < 0 || sizeBytes < 0)
    throw decodeError(what, field, 0, 'offset and size must be whole numbers')
  if (kind === 'tensor') {
    const checkedName = parseShape(tensorName, name, `${what} ${field}.name`)
    parseShape(tensorDtype, dtype, `${what} ${field}.dtype`)
    parseShape(tensorShape, shape, `${what} ${field}.shape`)
    if (names.has(checkedName)) throw decodeError(what, `${field}.name`, 0, 'a second tensor of this name')
    names.add(checkedName)
  } else if (kind === 'header' || kind === 'gap') {
    if (name !== undefined || dtype !== undefined || shape !== undefined)
      throw decodeError(what, field, 0, 'only tensors have a name, dtype and shape')
    // A tensor may be empty (a dimension of 0); anything else that is empty would be a second layout of the same bytes.
    if (sizeBytes === 0) throw decodeError(what, `${field}.size`, 0, `an empty ${kind}`)
  } else {
    throw decodeError(what, `${field}.kind`, 0, 'unknown kind')
  }
}

function checkLimit(subject: string, limit: number, actual: number): void {
  if (actual > limit) throw new HartonomousError('ERR_LIMIT', { what: subject, limit, actual })
}
