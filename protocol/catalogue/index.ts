/** Catalogue: pages through the signed releases that a peer knows. Field tables: ./README.md. */
import type { ProtocolDescriptor } from '../descriptor.ts'
import { controlFrameBytesMax, controlRequestTimeoutMs } from '../limits.ts'
import { minute } from '../units.ts'

export const catalogueProtocol = {
  id: '/hartonomous/catalogue/1.0.0',
  direction: 'request-response',
  frameBytesMax: controlFrameBytesMax,
  timeoutMs: controlRequestTimeoutMs,
  /** 72 pages of 14 hold the 1000 releases taken from one peer: a whole visit at once, then another each minute. */
  quota: { requests: 80, windowMs: minute },
} as const satisfies ProtocolDescriptor

export * from './codec.ts'
export * from './message.ts'
