/** Infer: one stream is one inference session. Field tables: ./README.md. */
import type { ProtocolDescriptor } from '../descriptor.ts'
import { controlRequestTimeoutMs, inferFrameBytesMax } from '../limits.ts'
import { minute } from '../units.ts'

export const inferProtocol = {
  id: '/hartonomous/infer/1.0.0',
  direction: 'session',
  frameBytesMax: inferFrameBytesMax,
  /** Until `accepted`; a queued request then waits for as long as its queue allows. */
  timeoutMs: controlRequestTimeoutMs,
  /** A session takes seconds; two per second from one peer is a busy gateway, more is a loop. */
  quota: { requests: 120, windowMs: minute },
} as const satisfies ProtocolDescriptor

export { decodeInferFrame, encodeInferFrame } from './codec.ts'
export * from './hash.ts'
export * from './message.ts'
export * from './vector.ts'
