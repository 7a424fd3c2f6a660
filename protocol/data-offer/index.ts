/** Data offer: two peers agree on a TLS data connection, in either direction. Field tables: ./README.md. */
import type { ProtocolDescriptor } from '../descriptor.ts'
import { controlRequestTimeoutMs } from '../limits.ts'
import { minute } from '../units.ts'
import { dataOfferBytesMax } from './codec.ts'

export const dataOfferProtocol = {
  id: '/hartonomous/data-offer/1.0.0',
  direction: 'request-response',
  frameBytesMax: dataOfferBytesMax,
  timeoutMs: controlRequestTimeoutMs,
  /** A peer has at most 4 data connections; 32 offers in a minute let each of them break 8 times. */
  quota: { requests: 32, windowMs: minute },
} as const satisfies ProtocolDescriptor

export * from './codec.ts'
export * from './message.ts'
