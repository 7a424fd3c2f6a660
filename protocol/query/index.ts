/** Query: finds components of models on a peer. Field tables: ./README.md. */
import type { ProtocolDescriptor } from '../descriptor.ts'
import { controlFrameBytesMax, controlRequestTimeoutMs } from '../limits.ts'
import { minute } from '../units.ts'

export const queryProtocol = {
  id: '/hartonomous/query/1.0.0',
  direction: 'request-response',
  frameBytesMax: controlFrameBytesMax,
  timeoutMs: controlRequestTimeoutMs,
  /** A page examines at most `queryExaminedMax` rows, ~20 ms: one peer takes 4 % of one thread for as long as it asks. */
  quota: { requests: 120, windowMs: minute },
} as const satisfies ProtocolDescriptor

export * from './codec.ts'
export * from './message.ts'
