/** Chunk transfer: ranges of extents, on a TLS data connection or on a libp2p stream. Wire tables: ./README.md. */
import type { ProtocolDescriptor } from '../descriptor.ts'
import { blockBytesMax, sourceStallMs } from '../limits.ts'
import { second } from '../units.ts'
import { chunkFrameHeaderBytes } from './message.ts'

export const chunkProtocol = {
  id: '/hartonomous/chunk/1.0.0',
  direction: 'session',
  frameBytesMax: chunkFrameHeaderBytes + blockBytesMax,
  timeoutMs: sourceStallMs,
  /**
   * 8192 requests in 2 s are 1 GiB/s of full blocks: above any link, so that it only stops floods of tiny requests.
   * Bytes are bounded by the upload cap and by the queue of each connection.
   */
  quota: { requests: 8192, windowMs: 2 * second },
} as const satisfies ProtocolDescriptor

export * from './frame.ts'
export * from './message.ts'
export * from './parser.ts'
export * from './transcript.ts'
