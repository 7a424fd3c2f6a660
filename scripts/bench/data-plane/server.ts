/** The sending process: the product's data plane over a real file, and the same bytes behind each baseline. */
import { randomFillSync } from 'node:crypto'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { createHeliaLight } from 'helia'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { code as rawCode } from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { DataPlaneCore, identityFromStat } from '#node/chunks/index.ts'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { blake3 } from '#protocol/codec/blake3.ts'
import { extentRootFromBytes, type ModelId, type PeerId } from '#protocol/ids.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { libp2pOptions } from './libp2p-options.ts'
import {
  benchModelId,
  cpuSeconds,
  type FromServer,
  noiseProtocol,
  type ServerAddresses,
  type ToServer,
  uniqueChunks,
} from './transfer.ts'

const folder = await mkdtemp(join(tmpdir(), 'hart-bench-'))
const bytes = Buffer.allocUnsafeSlow(uniqueChunks * chunkBytes)
for (let at = 0; at < bytes.length; at += chunkBytes) randomFillSync(bytes, at, chunkBytes)
const chunkAt = (index: number) => bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)
const say = (message: FromServer) => process.send?.(message)
const core = await DataPlaneCore.start({ config: { listenHost: '127.0.0.1', listenPort: 0 }, emit: () => {} })

process.on('message', async (message: ToServer) => {
  if (message.ask === 'start') say({ addresses: await start() })
  else if (message.ask === 'cpu') say({ cpuSeconds: cpuSeconds() })
  else {
    const token = core.issueToken('bench-client' as PeerId, message.certificateSha256)
    say({ token: Buffer.from(token).toString('hex') })
  }
})
process.once('disconnect', async () => {
  await rm(folder, { recursive: true, force: true })
  process.exit(0)
})

async function start(): Promise<ServerAddresses> {
  const leaves = Array.from({ length: uniqueChunks }, (_, index) => blake3(chunkAt(index)))
  const modelPath = join(folder, 'model')
  await writeFile(modelPath, bytes)
  // Extents of 16 MiB, as tensors of a small model are.
  const extentBytes = 16 * chunkBytes
  const extents = Array.from({ length: bytes.length / extentBytes }, (_, index) => ({
    root: extentRootFromBytes(blake3(bytes.subarray(index * extentBytes, (index + 1) * extentBytes))),
    offsetBytes: index * extentBytes,
    sizeBytes: extentBytes,
  }))
  const identity = identityFromStat(await stat(modelPath, { bigint: true }))
  await core.addModel({
    modelId: benchModelId as ModelId,
    files: [{ path: modelPath, sizeBytes: bytes.length, identity, extents }],
    leaves: Buffer.concat(leaves),
    held: Bitfield.full(uniqueChunks).bytes,
  })
  return {
    modelPath,
    leavesHex: Buffer.concat(leaves).toString('hex'),
    extentRoots: extents.map((extent) => extent.root),
    ours: core.endpoint,
    noise: await startNoise(),
    ...(await startBitswap()),
    http: await portOf(createHttpServer((request, response) => response.end(chunkAt(Number(request.url!.slice(1)))))),
    net: await portOf(createServer(answerAsks)),
  }
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Eight bytes ask for one chunk. */
function answerAsks(socket: Socket): void {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  forEachAsk(
    (onBytes) => socket.on('data', onBytes),
    (index) => socket.write(chunkAt(index)),
  )
}

function forEachAsk(listen: (onBytes: (bytes: Uint8Array) => void) => void, onAsk: (index: number) => void): void {
  let pending = Buffer.alloc(0)
  listen((part) => {
    pending = Buffer.concat([pending, part])
    while (pending.length >= 8) {
      onAsk(pending.readUInt32LE(0))
      pending = pending.subarray(8)
    }
  })
}

async function startNoise(): Promise<string> {
  const node = await createLibp2p(libp2pOptions())
  await node.handle(noiseProtocol, (stream) => {
    const asked: number[] = []
    let isSending = false
    const sendAll = async () => {
      if (isSending) return
      isSending = true
      for (let index = asked.shift(); index !== undefined; index = asked.shift()) {
        if (!stream.send(chunkAt(index))) await stream.onDrain()
      }
      isSending = false
    }
    forEachAsk(
      (onBytes) =>
        stream.addEventListener('message', (event) => {
          const { data } = event
          onBytes(data instanceof Uint8Array ? data : data.subarray())
        }),
      (index) => {
        asked.push(index)
        sendAll().catch(() => {})
      },
    )
  })
  return String(node.getMultiaddrs()[0])
}

async function startBitswap(): Promise<{ bitswap: string; cids: string[] }> {
  const helia = withBitswap(withLibp2pLight(createHeliaLight(), libp2pOptions()))
  await helia.start()
  const cids: string[] = []
  for (let index = 0; index < uniqueChunks; index++) {
    const cid = CID.createV1(rawCode, await sha256.digest(chunkAt(index)))
    await helia.blockstore.put(cid, chunkAt(index))
    cids.push(cid.toString())
  }
  return { bitswap: String(helia.libp2p.getMultiaddrs()[0]), cids }
}
