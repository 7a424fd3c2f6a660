/** The receiving process: takes chunks over one transport at a time, and verifies each with BLAKE3. */
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { multiaddr } from '@multiformats/multiaddr'
import { createHeliaLight } from 'helia'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { DataPlaneCore } from '#node/chunks/index.ts'
import { diskFiles, type FileOpener } from '#node/chunks/own-file.ts'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { blake3 } from '#protocol/codec/blake3.ts'
import { type ModelId, type PeerId, parseExtentRoot } from '#protocol/ids.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { KiB } from '#protocol/units.ts'
import { libp2pOptions } from './libp2p-options.ts'
import {
  benchModelId,
  type ClientJob,
  cpuSeconds,
  encodeAsk,
  type FromClient,
  noiseProtocol,
  pipelineDepth,
  type ServerAddresses,
  type ToClient,
  type Transport,
  uniqueChunks,
} from './transfer.ts'

const say = (message: FromClient) => process.send?.(message)
const token = { resolve: (_hex: string) => {} }
let addresses: ServerAddresses
let leaves: Buffer

process.on('message', (message: ToClient) => {
  if ('addresses' in message) {
    addresses = message.addresses
    leaves = Buffer.from(addresses.leavesHex, 'hex')
    say({ ready: true })
  } else if ('token' in message) token.resolve(message.token)
  else
    run(message.job).then(
      (result) => say({ result }),
      (error) => say({ failure: String(error?.stack ?? error) }),
    )
})
process.once('disconnect', () => process.exit(0))

async function run(job: ClientJob) {
  const take = await prepare[job.transport](job.chunks)
  const startedAtMs = performance.now()
  const cpuBefore = cpuSeconds()
  const verifiedChunks = await take.run()
  const result = {
    seconds: (performance.now() - startedAtMs) / 1000,
    cpuSeconds: cpuSeconds() - cpuBefore,
    verifiedChunks,
  }
  await take.close()
  return result
}

interface Take {
  /** Returns how many chunks were verified. */
  run(): Promise<number>
  close(): Promise<unknown> | unknown
}

const prepare: { readonly [T in Transport | 'disk']: (chunks: number) => Promise<Take> } = {
  ours: (chunks) => prepareOurs(chunks, memoryFiles),
  disk: (chunks) => prepareOurs(chunks, diskFiles),
  noise: prepareNoise,
  bitswap: prepareBitswap,
  http: async (chunks) => prepareHttp(chunks),
  net: prepareNet,
}

function isGood(index: number, bytes: Uint8Array): boolean {
  const at = (index % uniqueChunks) * 32
  return leaves.subarray(at, at + 32).equals(blake3(bytes))
}

/** Verified chunks end here; the baselines drop theirs as well. */
const memoryFiles: FileOpener = {
  open: async () => ({ write: async () => {}, sync: async () => {}, close: async () => {} }),
  freeBytes: async () => Number.POSITIVE_INFINITY,
}

/** The product: fetch core, TLS client, hashing, batches. */
async function prepareOurs(chunks: number, files: FileOpener): Promise<Take> {
  const complete = Promise.withResolvers<void>()
  let verified = 0
  const core = await DataPlaneCore.start({
    config: { listenHost: '127.0.0.1', listenPort: 0 },
    files,
    emit: (event, payload) => {
      if (event === 'fetch-complete') complete.resolve()
      if (event === 'chunks-held') verified += (payload as { chunkIndexes: number[] }).chunkIndexes.length
      if (event === 'fetch-paused' || event === 'source-end') complete.reject(new Error(JSON.stringify(payload)))
    },
  })
  const folder = await mkdtemp(join(tmpdir(), 'hart-bench-client-'))
  const modelId = benchModelId as ModelId
  const extentBytes = (uniqueChunks * chunkBytes) / addresses.extentRoots.length
  const extents = addresses.extentRoots.map((root, index) => {
    return { root: parseExtentRoot(root), offsetBytes: index * extentBytes, sizeBytes: extentBytes }
  })
  const file = { path: join(folder, 'model'), sizeBytes: uniqueChunks * chunkBytes, extents }
  await core.addModel({ modelId, files: [file], leaves, held: new Bitfield(uniqueChunks).bytes })
  const { certificateSha256 } = core.endpoint
  const hex = await new Promise<string>((resolve) => {
    token.resolve = resolve
    say({ certificateSha256 })
  })
  const source = {
    transport: 'tls' as const,
    peerId: 'bench-server' as PeerId,
    host: '127.0.0.1',
    ...addresses.ours,
    token: Buffer.from(hex, 'hex'),
  }
  return {
    run: async () => {
      const wanted = Bitfield.of(
        uniqueChunks,
        Array.from({ length: chunks }, (_, index) => index),
      ).bytes
      await core.startFetch(modelId, wanted)
      await core.addSource(modelId, source, Bitfield.full(uniqueChunks).bytes)
      await complete.promise
      return verified
    },
    close: async () => {
      await core.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Pipelined asks over any byte stream; chunks are copied into one buffer and hashed there. */
function pipelined(chunks: number, send: (bytes: Uint8Array) => void) {
  const done = Promise.withResolvers<number>()
  const chunk = Buffer.allocUnsafeSlow(chunkBytes)
  let asked = 0
  let finished = 0
  let verified = 0
  let filled = 0
  const ask = () => {
    if (asked < chunks) send(encodeAsk(asked++))
  }
  const feed = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; ) {
      const size = Math.min(chunkBytes - filled, bytes.length - at)
      chunk.set(bytes.subarray(at, at + size), filled)
      filled += size
      at += size
      if (filled < chunkBytes) continue
      filled = 0
      if (isGood(finished++, chunk)) verified++
      if (finished === chunks) done.resolve(verified)
      else ask()
    }
  }
  const run = () => {
    for (let i = 0; i < pipelineDepth; i++) ask()
    return done.promise
  }
  return { run, feed, fail: done.reject }
}

async function prepareNoise(chunks: number): Promise<Take> {
  const node = await createLibp2p(libp2pOptions())
  const stream = await node.dialProtocol(multiaddr(addresses.noise), noiseProtocol)
  const { run, feed, fail } = pipelined(chunks, (bytes) => stream.send(bytes))
  stream.addEventListener('message', ({ data }) => {
    if (data instanceof Uint8Array) feed(data)
    else for (const part of data) feed(part)
  })
  stream.addEventListener('close', () => fail(new Error('the stream was closed')))
  return { run, close: () => node.stop() }
}

async function prepareBitswap(chunks: number): Promise<Take> {
  const helia = withBitswap(withLibp2pLight(createHeliaLight(), libp2pOptions()))
  await helia.start()
  await helia.libp2p.dial(multiaddr(addresses.bitswap))
  // Bitswap learns of its peer after the connection is up.
  await new Promise((resolve) => setTimeout(resolve, 500))
  const cids = addresses.cids.map((cid) => CID.parse(cid))
  let next = 0
  let verified = 0
  const takeSome = async () => {
    while (next < chunks) {
      const index = next++
      const parts: Uint8Array[] = []
      for await (const part of helia.blockstore.get(cids[index]!)) parts.push(part)
      if (isGood(index, parts.length === 1 ? parts[0]! : Buffer.concat(parts))) verified++
    }
  }
  return {
    run: async () => {
      await Promise.all(Array.from({ length: pipelineDepth }, takeSome))
      return verified
    },
    close: () => helia.stop(),
  }
}

function prepareHttp(chunks: number): Take {
  const agent = new Agent({ keepAlive: true, maxSockets: pipelineDepth })
  let next = 0
  let verified = 0
  const takeOne = (index: number, chunk: Buffer) =>
    new Promise<void>((resolve, reject) => {
      get({ agent, host: '127.0.0.1', port: addresses.http, path: `/${index % uniqueChunks}` }, (response) => {
        let filled = 0
        response.on('data', (bytes: Buffer) => {
          chunk.set(bytes, filled)
          filled += bytes.length
        })
        response.on('end', () => {
          if (isGood(index, chunk)) verified++
          resolve()
        })
      }).on('error', reject)
    })
  const takeSome = async () => {
    const chunk = Buffer.allocUnsafeSlow(chunkBytes)
    while (next < chunks) await takeOne(next++, chunk)
  }
  return {
    run: async () => {
      await Promise.all(Array.from({ length: pipelineDepth }, takeSome))
      return verified
    },
    close: () => agent.destroy(),
  }
}

async function prepareNet(chunks: number): Promise<Take> {
  const late: { feed?: (bytes: Uint8Array) => void } = {}
  const socket = connect({
    host: '127.0.0.1',
    port: addresses.net,
    onread: {
      buffer: Buffer.allocUnsafeSlow(256 * KiB),
      callback: (length, bytes) => {
        late.feed?.(bytes.subarray(0, length))
        return true
      },
    },
  })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.setNoDelay(true)
  const { run, feed } = pipelined(chunks, (bytes) => socket.write(bytes))
  late.feed = feed
  return { run, close: () => socket.destroy() }
}
