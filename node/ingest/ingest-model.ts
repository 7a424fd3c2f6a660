/** A model file becomes rows and a model id. The file is read in place, once; nothing is copied. */
import { basename, resolve } from 'node:path'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { licenceBytesMax } from '#protocol/limits.ts'
import { type Block, chunkCountOf, type Extent, type ModelContent } from '#protocol/model/content.ts'
import { encodeContent, extentRoot, isReleaseName } from '#protocol/model/index.ts'
import type { Release } from '#protocol/model/release.ts'
import type { ModelFileRow, TenantStore } from '#sql/store/types.ts'
import { identityText } from '../chunks/index.ts'
import type { FileIdentity } from '../chunks/types.ts'
import { type FileSource, openFileSource } from './file-source.ts'
import { partNames, splitError } from './gguf/split.ts'
import { fileIdentity, type HashDependencies, hashPass } from './hash-pass.ts'
import { readModelHeader } from './header.ts'
import { type IngestProgress, ProgressMeter } from './progress.ts'
import { storedMeta } from './stored-meta.ts'
import type { ModelHeader } from './types.ts'

export interface IngestRequest {
  /** The file, or any part of a split one. */
  path: string
  /** Of the release; from the file's metadata or name where it is not given. */
  name?: string
  /** Of the release; must be given where the file's metadata names none. */
  licence?: string
}

export interface IngestDependencies extends HashDependencies {
  store: HashDependencies['store'] & Pick<TenantStore, 'putModel'>
  onProgress?: (progress: IngestProgress) => void
}

export interface IngestResult {
  modelId: ModelId
  /** To publish; `blocks[0]` is the root. */
  blocks: Block[]
  header: ModelHeader
  content: ModelContent
  /** The absolute paths, in order. */
  paths: string[]
  releaseDraft: Omit<Release, 'publisher' | 'createdAtMs'>
}

/**
 * @throws {ERR_NOT_FOUND} {ERR_MODEL_FILE} {ERR_LICENCE_REQUIRED} {ERR_USAGE} before anything is hashed.
 * @throws {ERR_WITHDRAWN} when the file changes meanwhile. @throws {ERR_IO}
 */
export async function ingestModel(
  request: IngestRequest,
  deps: IngestDependencies,
  options: { signal?: AbortSignal } = {},
): Promise<IngestResult> {
  options.signal?.throwIfAborted()
  const paths = partNames(resolve(request.path))
  const identities: FileIdentity[] = []
  const header = await readHeader(paths, identities)
  const naming = releaseNaming(request, header)
  const content = await hashFiles(paths, identities, header, deps, options.signal)
  const { modelId, blocks } = await encodeContent(content)
  await deps.store.putModel({
    modelId,
    content,
    architecture: header.architecture,
    format: header.format,
    parameterCount: header.parameterCount,
    meta: storedMeta(header),
    components: header.components,
    edges: header.edges,
    files: paths.map((path, fileIndex): ModelFileRow => {
      const identity = identities[fileIndex]!
      return { fileIndex, path, sizeBytes: identity.sizeBytes, origin: 'user', identity: identityText(identity) }
    }),
    held: Bitfield.full(content.leaves.length / 32).bytes,
    origin: 'ingest',
  })
  for (const path of paths) await deps.store.removeIngestCheckpoint(path)
  const releaseDraft = {
    modelId,
    ...naming,
    format: header.format,
    architecture: header.architecture,
    sizeBytes: header.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    parameterCount: header.parameterCount,
    tokenizer: header.tokenizer,
  }
  return { modelId, blocks, header, content, paths, releaseDraft }
}

async function readHeader(paths: string[], identities: FileIdentity[]): Promise<ModelHeader> {
  const sources: FileSource[] = []
  try {
    for (const [index, path] of paths.entries()) {
      // Identity first: if the file is replaced after this, the hashing pass finds another one and refuses.
      identities.push(await partIdentity(paths, path, index))
      sources.push(await openFileSource(path))
    }
    return await readModelHeader(sources)
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}

async function partIdentity(paths: string[], path: string, index: number): Promise<FileIdentity> {
  try {
    return await fileIdentity(path)
  } catch (error) {
    if (paths.length === 1 || !isHartonomousError(error, 'ERR_NOT_FOUND')) throw error
    throw splitError(path, 'file name', `part ${index + 1} of ${paths.length} is missing`)
  }
}

/** Of a name that is derived; a given one may be as long as a release allows. */
const defaultNameLengthMax = 96
const licencePattern = new RegExp(`^[\\x20-\\x7e]{1,${licenceBytesMax}}$`)

function releaseNaming(request: IngestRequest, header: ModelHeader): { name: string; licence: string } {
  const licence = (request.licence ?? header.licence ?? '').trim()
  if (licence === '') throw new HartonomousError('ERR_LICENCE_REQUIRED', { file: request.path })
  if (!licencePattern.test(licence)) {
    throw new HartonomousError('ERR_USAGE', {
      message: `a licence is an SPDX expression of at most ${licenceBytesMax} ASCII letters`,
    })
  }
  if (request.name === undefined) return { name: defaultName(request.path, header), licence }
  if (!isReleaseName(request.name)) {
    throw new HartonomousError('ERR_USAGE', {
      message: `not a model name: ${JSON.stringify(request.name.slice(0, 80))}; a-z, 0-9, ., _, - and one / are allowed`,
    })
  }
  return { name: request.name, licence }
}

function defaultName(path: string, header: ModelHeader): string {
  const stem = basename(path)
    .replace(/\.gguf$/i, '')
    .replace(/-\d{5}-of-\d{5}$/, '')
  return nameFrom(stem) ?? nameFrom(header.name ?? '') ?? header.architecture.toLowerCase()
}

/** `Hartling F16` -> `hartling-f16`. */
function nameFrom(text: string): string | undefined {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(0, defaultNameLengthMax)
    .replace(/^[._-]+|[._-]+$/g, '')
  return name === '' ? undefined : name
}

async function hashFiles(
  paths: string[],
  identities: FileIdentity[],
  header: ModelHeader,
  deps: IngestDependencies,
  signal: AbortSignal | undefined,
): Promise<ModelContent> {
  const totalBytes = header.files.reduce((sum, file) => sum + file.sizeBytes, 0)
  let meter: ProgressMeter | undefined
  const leaves: Uint8Array[] = []
  let finishedBytes = 0
  for (const [index, { sizeBytes, extents }] of header.files.entries()) {
    const onDone = (doneBytes: number) => {
      meter ??= new ProgressMeter(totalBytes, finishedBytes + doneBytes, deps.now)
      deps.onProgress?.(meter.at(finishedBytes + doneBytes))
    }
    leaves.push(await hashPass({ path: paths[index]!, extents, identity: identities[index]!, onDone, signal }, deps))
    finishedBytes += sizeBytes
  }
  return contentOf(header, Buffer.concat(leaves))
}

/** @param leaves of all chunks of all files, in chunk-index order. */
export function contentOf(header: Pick<ModelHeader, 'files'>, leaves: Uint8Array): ModelContent {
  let at = 0
  const files = header.files.map(({ sizeBytes, extents }) => ({
    sizeBytes,
    extents: extents.map((extent): Extent => {
      const end = at + chunkCountOf(extent) * 32
      const root = extentRoot(extent.sizeBytes, leaves.subarray(at, end))
      at = end
      return { ...extent, root }
    }),
  }))
  return { files, leaves }
}
