/**
 * Published blocks: Helia in its light form over our libp2p, with bitswap as the only source. No router is added, so a
 * block is asked only of peers that we are connected to, never of the public network.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { HeliaWithLibp2p } from '@helia/libp2p'
import { LevelBlockstore } from 'blockstore-level'
import type { BlockBroker, Helia } from 'helia'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { HartonomousError } from '#protocol/errors.ts'
import { blockFetchTimeoutMs, controlRequestTimeoutMs, publishedBlockBytesMax } from '#protocol/limits.ts'
import type { Block } from '#protocol/model/content.ts'
import { second } from '#protocol/units.ts'
import type { Datastore, Node } from './libp2p-node.ts'
import { openStream } from './open-stream.ts'

/** A want is told to a peer once; asking anew after this time reaches peers that got the block, or us, only later. */
const attemptMs = 2 * second
/** Helia forgets a cancelled want only after its next round of messages; a new want before that would be lost. */
const betweenAttemptsMs = 250

interface Started {
  helia: Helia
  store: LevelBlockstore
  bitswap: BlockBroker | undefined
}

export class BlockExchange {
  readonly #node: Node
  readonly #path: string
  readonly #datastore: Datastore
  readonly #fetching = new Map<string, Promise<Uint8Array>>()
  readonly #controller = new AbortController()
  #started: Promise<Started> | undefined

  constructor(node: Node, dataDir: string, datastore: Datastore) {
    this.#node = node
    this.#path = join(dataDir, 'blocks')
    this.#datastore = datastore
  }

  /** Whether an earlier run published something that peers may ask for. */
  hasBlocks(): boolean {
    return existsSync(this.#path)
  }

  /** Loading Helia takes ~0.3 s of CPU: only a node that has or wants blocks does it. */
  start(): Promise<Started> {
    this.#started ??= this.#start().catch((error) => {
      this.#started = undefined
      throw error
    })
    return this.#started
  }

  /** @throws {ERR_LIMIT} {ERR_ID} {ERR_DECODE} when a block does not match its CID. */
  async put(blocks: Block[]): Promise<void> {
    const checked: { cid: CID; bytes: Uint8Array }[] = []
    for (const block of blocks) {
      const cid = parseSha256Cid(block.cid)
      checkSize(block.cid, block.bytes)
      await checkHash(cid, block.bytes)
      checked.push({ cid, bytes: block.bytes })
    }
    const { store, bitswap } = await this.start()
    for (const { cid, bytes } of checked) {
      // Helia's own put tells waiting peers before the block is there, so that they go away empty-handed.
      await store.put(cid, bytes)
      // A peer that cannot be told asks again.
      await bitswap?.announce?.(cid, { signal: this.#controller.signal }).catch(() => {})
    }
  }

  /** @throws {ERR_NO_SOURCE} {ERR_TIMEOUT} {ERR_LIMIT} {ERR_ID} */
  async get(text: string, signal: AbortSignal): Promise<Uint8Array> {
    const cid = parseSha256Cid(text)
    const { store } = await this.start()
    const local = await readLocal(store, cid)
    if (local) return local
    // Callers that want one block share one fetch: a caller that gives up must not cancel the others' want.
    let fetching = this.#fetching.get(text)
    if (!fetching) {
      fetching = this.#fetch(cid).finally(() => this.#fetching.delete(text))
      this.#fetching.set(text, fetching)
    }
    return raceAbort(fetching, signal)
  }

  async stop(): Promise<void> {
    this.#controller.abort(new Error('stopped'))
    const started = await this.#started?.catch(() => undefined)
    if (!started) return
    await Promise.allSettled(this.#fetching.values())
    await started.helia.stop()
    await started.store.close()
  }

  async #start(): Promise<Started> {
    const [{ createHeliaLight }, { withBitswap }] = await Promise.all([import('helia'), import('@helia/bitswap')])
    const store = new LevelBlockstore(this.#path)
    await store.open()
    const helia = createHeliaLight({ blockstore: store, datastore: this.#datastore })
    // `withLibp2pLight` would make a libp2p of its own and route through the DHT; bitswap needs no more than this.
    Object.defineProperty(helia, 'libp2p', { value: overOpenConnections(this.#node), enumerable: true })
    let bitswap: BlockBroker | undefined
    const add = helia.addBlockBroker.bind(helia)
    helia.addBlockBroker = (broker) => {
      if (typeof broker !== 'function') bitswap = broker
      add(broker)
    }
    // Blocks are small; without them a peer that is reached only through a relay has nothing to fetch by.
    withBitswap(helia as HeliaWithLibp2p, { runOnLimitedConnections: true })
    await helia.start()
    return { helia, store, bitswap }
  }

  async #fetch(cid: CID): Promise<Uint8Array> {
    const { helia, store } = await this.start()
    const deadlineMs = Date.now() + blockFetchTimeoutMs
    while (!this.#controller.signal.aborted) {
      const leftMs = deadlineMs - Date.now()
      if (leftMs <= 0)
        throw new HartonomousError('ERR_TIMEOUT', { what: `block ${cid}`, timeoutMs: blockFetchTimeoutMs })
      if (this.#node.getPeers().length === 0) {
        throw new HartonomousError('ERR_NO_SOURCE', { subject: `block ${cid}`, reason: 'no peer is connected' })
      }
      const signal = AbortSignal.any([this.#controller.signal, AbortSignal.timeout(Math.min(leftMs, attemptMs))])
      try {
        const parts: Uint8Array[] = []
        for await (const part of helia.blockstore.get(cid, { signal })) parts.push(part)
        const bytes = new Uint8Array(Buffer.concat(parts))
        if (bytes.byteLength > publishedBlockBytesMax) await store.delete(cid)
        checkSize(cid.toString(), bytes)
        return bytes
      } catch (error) {
        if (error instanceof HartonomousError) throw error
        await new Promise((resolve) => setTimeout(resolve, betweenAttemptsMs))
      }
    }
    throw new HartonomousError('ERR_NO_SOURCE', { subject: `block ${cid}`, reason: 'the network is stopping' })
  }
}

/** Bitswap opens a stream for each message: with a peer behind a relay, libp2p would dial for each. */
function overOpenConnections(node: Node): Node {
  const dialProtocol: Node['dialProtocol'] = (peer, protocols, options) => {
    const isPeerId = typeof peer === 'object' && 'toMultihash' in peer
    if (!isPeerId || typeof protocols !== 'string') return node.dialProtocol(peer, protocols, options)
    const signal = options?.signal ?? AbortSignal.timeout(controlRequestTimeoutMs)
    return openStream(node, peer, protocols, { signal, runOnLimitedConnection: true })
  }
  return new Proxy(node, {
    get(target, name) {
      if (name === 'dialProtocol') return dialProtocol
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** @throws {ERR_ID} */
function parseSha256Cid(text: string): CID {
  try {
    const cid = CID.parse(text)
    if (cid.version === 1 && cid.multihash.code === sha256.code && cid.multihash.digest.byteLength === 32) return cid
  } catch {
    // Falls through to the one error below.
  }
  throw new HartonomousError('ERR_ID', { kind: 'block CID', text: text.slice(0, 80) })
}

function checkSize(cid: string, bytes: Uint8Array): void {
  if (bytes.byteLength <= publishedBlockBytesMax) return
  throw new HartonomousError('ERR_LIMIT', {
    what: `block ${cid}`,
    limit: publishedBlockBytesMax,
    actual: bytes.byteLength,
  })
}

async function checkHash(cid: CID, bytes: Uint8Array): Promise<void> {
  const { digest } = await sha256.digest(bytes)
  if (Buffer.compare(digest, cid.multihash.digest) === 0) return
  throw new HartonomousError('ERR_DECODE', {
    what: `block ${cid}`,
    field: 'bytes',
    offset: 0,
    reason: 'they do not match the CID',
  })
}

async function readLocal(store: LevelBlockstore, cid: CID): Promise<Uint8Array | undefined> {
  if (!(await store.has(cid))) return undefined
  const parts: Uint8Array[] = []
  for await (const part of store.get(cid)) parts.push(part)
  return new Uint8Array(Buffer.concat(parts))
}

async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    promise.catch(() => {})
  }
}
