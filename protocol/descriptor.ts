/** What every wire protocol says about itself. The node enforces it; the codec beside it only reads and writes bytes. */
import { paymentMessagesPerSecondMax } from './limits.ts'
import { second } from './units.ts'

export interface ProtocolDescriptor {
  /** libp2p protocol id. Other bytes on the wire are another version; the old one is served for one release more. */
  id: `/hartonomous/${string}/${number}.${number}.${number}`
  /**
   * `request-response`: one frame each way, then the stream closes. `session`: the opener starts, the answers stream back.
   * `subscription`: one frame from the opener, then frames from the other side for as long as it is open.
   */
  direction: 'request-response' | 'session' | 'subscription'
  frameBytesMax: number
  /** Until the first answer. */
  timeoutMs: number
  quota: ProtocolQuota
}

/** What one peer may ask of us: `requests` at once, and as many again in every `windowMs`, evenly spread. */
export interface ProtocolQuota {
  requests: number
  windowMs: number
}

/** Messages of payment that one session takes, in whichever protocol: a peer that sends more is closed. */
export const paymentQuota: ProtocolQuota = { requests: paymentMessagesPerSecondMax, windowMs: second }
