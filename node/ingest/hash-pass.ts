/** Hashes one file through the data plane, with checkpoints in the store: after a kill it goes on where it stopped. */
import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { HartonomousError } from '#protocol/errors.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { chunkCountOf, type ExtentLayout } from '#protocol/model/content.ts'
import { second } from '#protocol/units.ts'
import type { TenantStore } from '#sql/store/types.ts'
import { identityText } from '../chunks/index.ts'
import type { DataPlane, FileIdentity } from '../chunks/types.ts'
import { openError } from './file-source.ts'

export interface HashDependencies {
  hash: DataPlane['hashFile']
  store: Pick<TenantStore, 'saveIngestCheckpoint' | 'getIngestCheckpoint' | 'removeIngestCheckpoint'>
  now: () => number
}

const checkpointEveryMs = 2 * second

/** @throws {ERR_NOT_FOUND} {ERR_IO} */
export async function fileIdentity(path: string): Promise<FileIdentity> {
  try {
    const stats = await stat(path, { bigint: true })
    return {
      device: stats.dev.toString(),
      inode: stats.ino.toString(),
      sizeBytes: Number(stats.size),
      mtimeNs: stats.mtimeNs.toString(),
    }
  } catch (error) {
    throw openError(path, error)
  }
}

/**
 * Saves the leaves so far every few seconds, one save at a time. A save that fails costs only the resumption: the pass
 * itself goes on.
 */
class Checkpoints {
  readonly #deps: HashDependencies
  readonly #path: string
  readonly #identity: string
  readonly #parts: Uint8Array[]
  #savedAtMs: number
  #savedParts = 0
  #saving: Promise<void> = Promise.resolve()
  #isSaving = false

  constructor(deps: HashDependencies, path: string, identity: string, leaves: Uint8Array) {
    this.#deps = deps
    this.#path = path
    this.#identity = identity
    this.#parts = leaves.length === 0 ? [] : [leaves]
    this.#savedParts = this.#parts.length
    this.#savedAtMs = deps.now()
  }

  add(leaves: Uint8Array): void {
    this.#parts.push(leaves)
    if (!this.#isSaving && this.#deps.now() - this.#savedAtMs >= checkpointEveryMs) this.#save()
  }

  #save(): void {
    this.#isSaving = true
    this.#savedParts = this.#parts.length
    const leaves = Buffer.concat(this.#parts)
    this.#saving = this.#deps.store
      .saveIngestCheckpoint({ path: this.#path, identity: this.#identity, leaves })
      .catch(() => {})
      .then(() => {
        this.#savedAtMs = this.#deps.now()
        this.#isSaving = false
      })
  }

  /** After an interruption: whatever was hashed is kept. */
  async flush(): Promise<void> {
    await this.#saving
    if (this.#parts.length > this.#savedParts) this.#save()
    await this.#saving
  }

  async settled(): Promise<void> {
    await this.#saving
  }
}

export interface HashPass {
  path: string
  extents: ExtentLayout[]
  /** The file when its header was read: the hashes must be of the same file. */
  identity: FileIdentity
  onDone: (doneBytes: number) => void
  signal?: AbortSignal | undefined
}

/** Leaves of all chunks of one file. @throws {ERR_WITHDRAWN} when the file changed. @throws {ERR_IO} */
export async function hashPass(pass: HashPass, deps: HashDependencies): Promise<Uint8Array> {
  const { path, extents } = pass
  const identity = identityText(pass.identity)
  const chunkCount = extents.reduce((sum, extent) => sum + chunkCountOf(extent), 0)
  const checkpoint = await deps.store.getIngestCheckpoint(path)
  const isUsable = checkpoint?.identity === identity && checkpoint.leaves.length % 32 === 0
  const done = isUsable && checkpoint.leaves.length <= chunkCount * 32 ? checkpoint.leaves : new Uint8Array()
  const sizes = chunkSizes(extents)
  let doneChunks = done.length / 32
  let doneBytes = 0
  for (let i = 0; i < doneChunks; i++) doneBytes += sizes.next().value ?? 0
  pass.onDone(doneBytes)
  const checkpoints = new Checkpoints(deps, path, identity, done)
  const onLeaves = (leaves: Uint8Array) => {
    checkpoints.add(leaves)
    for (const end = doneChunks + leaves.length / 32; doneChunks < end; doneChunks++)
      doneBytes += sizes.next().value ?? 0
    pass.onDone(doneBytes)
  }
  try {
    const job = { jobId: `ingest-${randomUUID()}`, path, extents, skipChunks: done.length / 32 }
    const result = await deps.hash(job, { onLeaves, ...(pass.signal === undefined ? {} : { signal: pass.signal }) })
    if (identityText(result.identity) !== identity) {
      throw new HartonomousError('ERR_WITHDRAWN', { file: path, reason: 'it changed while it was being read' })
    }
    const leaves = Buffer.concat([done, result.leaves])
    if (leaves.length !== chunkCount * 32) {
      throw new HartonomousError('ERR_IO', {
        path,
        reason: `${leaves.length / 32} of ${chunkCount} chunks were hashed`,
      })
    }
    await checkpoints.settled()
    return leaves
  } catch (error) {
    await checkpoints.flush()
    throw error
  }
}

function* chunkSizes(extents: readonly ExtentLayout[]): Generator<number, undefined> {
  for (const { sizeBytes } of extents) {
    for (let offset = 0; offset < sizeBytes; offset += chunkBytes) yield Math.min(chunkBytes, sizeBytes - offset)
  }
  return undefined
}
