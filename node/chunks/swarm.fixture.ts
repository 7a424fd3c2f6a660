/** For tests: small models on disk, and data planes that know one another's addresses. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { blake3 } from '#protocol/codec/blake3.ts'
import { type ExtentRoot, extentRootFromBytes, type ModelId, type PeerId } from '#protocol/ids.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { DataPlaneCore, type DataPlaneCoreOptions } from './data-plane-core.ts'
import { identityFromStat } from './file-identity.ts'
import type { DataPlaneConfig, DataPlaneEvents, TlsSourceAddress, TransferModel } from './types.ts'

export type RecordedEvent = {
  [K in keyof DataPlaneEvents]: { event: K; payload: DataPlaneEvents[K] }
}[keyof DataPlaneEvents]

export interface TestModel {
  modelId: ModelId
  bytes: Buffer
  chunkCount: number
  extents: { root: ExtentRoot; offsetBytes: number; sizeBytes: number }[]
  leaves: Uint8Array
}

/** Random bytes cut into extents of these sizes. */
export function testModel(
  extentSizes: number[],
  name = 'model',
  fill?: (index: number) => Buffer | undefined,
): TestModel {
  const parts = extentSizes.map((size, index) => fill?.(index) ?? randomBytes(size))
  const bytes = Buffer.concat(parts)
  const leaves: Uint8Array[] = []
  let offsetBytes = 0
  const extents = parts.map((part) => {
    for (let at = 0; at < part.length; at += chunkBytes) leaves.push(blake3(part.subarray(at, at + chunkBytes)))
    const extent = { root: extentRootFromBytes(blake3(part)), offsetBytes, sizeBytes: part.length }
    offsetBytes += part.length
    return extent
  })
  return { modelId: name as ModelId, bytes, chunkCount: leaves.length, extents, leaves: Buffer.concat(leaves) }
}

export class TestNode {
  readonly peerId: PeerId
  readonly core: DataPlaneCore
  readonly dir: string
  readonly events: RecordedEvent[] = []
  readonly #waiting = new Set<() => void>()
  readonly #listeners: ((event: RecordedEvent) => void)[] = []

  constructor(peerId: PeerId, core: DataPlaneCore, dir: string) {
    this.peerId = peerId
    this.core = core
    this.dir = dir
  }

  record(event: RecordedEvent): void {
    this.events.push(event)
    for (const listener of this.#listeners) listener(event)
    for (const check of this.#waiting) check()
  }

  /** As a program does that decides by events. */
  on<K extends keyof DataPlaneEvents>(event: K, listener: (payload: DataPlaneEvents[K]) => void): void {
    this.#listeners.push((one) => {
      if (one.event === event) listener(one.payload as DataPlaneEvents[K])
    })
  }

  payloads<K extends keyof DataPlaneEvents>(event: K): DataPlaneEvents[K][] {
    return this.events.filter((one) => one.event === event).map((one) => one.payload as DataPlaneEvents[K])
  }

  /** The first payload of `event` that fits, past or to come. */
  async until<K extends keyof DataPlaneEvents>(
    event: K,
    fits: (payload: DataPlaneEvents[K]) => boolean = () => true,
    timeoutMs = 20_000,
  ): Promise<DataPlaneEvents[K]> {
    const { promise, resolve, reject } = Promise.withResolvers<DataPlaneEvents[K]>()
    const check = () => {
      const found = this.payloads(event).find(fits)
      if (found !== undefined) resolve(found)
    }
    const timer = setTimeout(() => {
      const seen = this.events.filter((one) => one.event !== 'fetch-progress').map((one) => JSON.stringify(one))
      reject(new Error(`no ${event}; seen: ${seen.join('\n')}`))
    }, timeoutMs)
    this.#waiting.add(check)
    check()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(check)
    }
  }

  /** Puts the whole model on disk as a user's file, and serves it. */
  async seed(model: TestModel, bytes = model.bytes): Promise<string> {
    const path = join(this.dir, `${model.modelId}.seed`)
    await writeFile(path, bytes)
    const identity = identityFromStat(await stat(path, { bigint: true }))
    const { modelId, extents, leaves } = model
    const file = { path, sizeBytes: bytes.length, identity, extents }
    await this.core.addModel({ modelId, files: [file], leaves, held: Bitfield.full(model.chunkCount).bytes })
    return path
  }

  /** Our own file, with what is held of it. */
  async want(model: TestModel, held = new Bitfield(model.chunkCount).bytes): Promise<string> {
    const path = join(this.dir, `${model.modelId}.own`)
    const { modelId, extents, leaves, bytes } = model
    const added: TransferModel = { modelId, files: [{ path, sizeBytes: bytes.length, extents }], leaves, held }
    await this.core.addModel(added)
    return path
  }

  /** An address of ours for one connection of `other`. */
  offer(other: TestNode): TlsSourceAddress {
    const { host, port, certificateSha256 } = this.core.endpoint
    const token = this.core.issueToken(other.peerId, other.core.endpoint.certificateSha256)
    return { transport: 'tls', peerId: this.peerId, host, port, certificateSha256, token }
  }

  async fetchAll(model: TestModel): Promise<void> {
    await this.core.startFetch(model.modelId, Bitfield.full(model.chunkCount).bytes)
  }

  async addSource(model: TestModel, other: TestNode, have = Bitfield.full(model.chunkCount).bytes): Promise<void> {
    await this.core.addSource(model.modelId, other.offer(this), have)
  }
}

export class TestSwarm {
  readonly nodes: TestNode[] = []
  dir = ''

  async open(): Promise<void> {
    this.dir = await mkdtemp(join(tmpdir(), 'hart-chunks-'))
  }

  async node(
    config: Partial<DataPlaneConfig> = {},
    options: Pick<DataPlaneCoreOptions, 'files' | 'unpaidWaitMs'> = {},
  ): Promise<TestNode> {
    const number = this.nodes.length
    const dir = await mkdtemp(join(this.dir, `node${number}-`))
    const late: { node?: TestNode } = {}
    const core = await DataPlaneCore.start({
      config: { listenHost: '127.0.0.1', listenPort: 0, ...config },
      emit: (event, payload) => late.node?.record({ event, payload } as RecordedEvent),
      ...options,
    })
    const node = new TestNode(`peer${number}` as PeerId, core, dir)
    late.node = node
    this.nodes.push(node)
    return node
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.splice(0).map((node) => node.core.close()))
    await rm(this.dir, { recursive: true, force: true })
  }
}
