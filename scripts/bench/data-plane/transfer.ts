/** What the two processes of the data-plane bench and their parent say to one another. */
import { chunkBytes } from '#protocol/limits.ts'

export const transports = ['ours', 'noise', 'bitswap', 'http', 'net'] as const
export type Transport = (typeof transports)[number]

/** Chunk requests that a baseline keeps under way: 8 x 1 MiB, what libp2p does best with. */
export const pipelineDepth = 8
/** Unique chunks that the server holds; longer transfers go round. */
export const uniqueChunks = 1024
export const noiseProtocol = '/hartonomous-bench/1.0.0'
export const benchModelId = 'bench'

/** Where each server listens. */
export interface ServerAddresses {
  modelPath: string
  /** BLAKE3 of each chunk, hex. */
  leavesHex: string
  extentRoots: string[]
  ours: { port: number; certificateSha256: string }
  noise: string
  bitswap: string
  cids: string[]
  http: number
  net: number
}

export type ToServer = { ask: 'start' } | { ask: 'cpu' } | { ask: 'token'; certificateSha256: string }
export type FromServer = { addresses: ServerAddresses } | { cpuSeconds: number } | { token: string }

export interface ClientJob {
  transport: Transport | 'disk'
  chunks: number
}
export type ToClient = { addresses: ServerAddresses } | { job: ClientJob } | { token: string }
export type FromClient =
  | { ready: true }
  | { certificateSha256: string }
  | { result: { seconds: number; cpuSeconds: number; verifiedChunks: number } }
  | { failure: string }

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** `{ index u32, length u32 }`: the request of the plain baselines. */
export function encodeAsk(index: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, index % uniqueChunks, true)
  view.setUint32(4, chunkBytes, true)
  return bytes
}
