/** Have: which chunks of one model a peer holds, as it changes. Field tables: ./README.md. */
import type { ProtocolDescriptor } from '../descriptor.ts'
import { controlFrameBytesMax, controlRequestTimeoutMs } from '../limits.ts'
import { minute } from '../units.ts'

export const haveProtocol = {
  id: '/hartonomous/have/1.0.0',
  direction: 'subscription',
  frameBytesMax: controlFrameBytesMax,
  timeoutMs: controlRequestTimeoutMs,
  /** Subscriptions opened: one per model and peer, so 64 models of a lease at once, and again each minute. */
  quota: { requests: 64, windowMs: minute },
} as const satisfies ProtocolDescriptor

export * from './codec.ts'
export * from './message.ts'
