/** Heartbeat: a node's signed lease, by gossip and on request. Field tables: ./README.md. */
import type { ProtocolDescriptor } from '../descriptor.ts'
import { controlRequestTimeoutMs, leaseBytesMax } from '../limits.ts'
import { minute } from '../units.ts'

export const heartbeatProtocol = {
  id: '/hartonomous/heartbeat/1.0.0',
  direction: 'request-response',
  frameBytesMax: leaseBytesMax,
  timeoutMs: controlRequestTimeoutMs,
  /** A heartbeat goes out every 10 s; twenty in a minute leave room for three restarts. */
  quota: { requests: 20, windowMs: minute },
} as const satisfies ProtocolDescriptor

/** Gossip topic. The version is that of the frame. */
export const heartbeatTopic = 'hartonomous/heartbeat/1.0.0'

export * from './codec.ts'
export * from './message.ts'
