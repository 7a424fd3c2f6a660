import { isIP } from 'node:net'
import { z } from 'zod'
import { messageCodec } from '../codec/message-codec.ts'
import { bytesOf, uint } from '../codec/schema.ts'
import { offerHostsMax, retryAfterMsMax } from '../limits.ts'
import type { DataEndpoint, DataOfferRequest, DataOfferResponse } from './message.ts'

/** Eight addresses of 45 characters and three hashes: far below 1 KiB. */
export const dataOfferBytesMax = 1024

const hash = bytesOf(32)

/** Addresses only, so that nobody can make us look up names; without a zone, which means nothing to another machine. */
const host = z
  .string()
  .max(45)
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), 'not an IP address')

const endpoint: z.ZodType<DataEndpoint> = z.object({
  hosts: z.array(host).max(offerHostsMax),
  port: uint.min(1).max(65_535),
  certificateSha256: hash,
  token: bytesOf(32),
})

const requestShape: z.ZodType<DataOfferRequest> = z
  .object({
    direction: z.enum(['listen', 'dial']),
    certificateSha256: hash,
    endpoint: endpoint.exactOptional(),
  })
  .refine((request) => (request.direction === 'dial') === (request.endpoint !== undefined), {
    path: ['endpoint'],
    message: 'goes with direction dial, and only with it',
  })

const responseShape: z.ZodType<DataOfferResponse> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('offer'), endpoint }),
  z.object({ type: z.literal('dialling'), certificateSha256: hash }),
  z.object({
    type: z.literal('refused'),
    reason: z.enum(['busy', 'no-data-plane', 'unreachable', 'policy']),
    retryAfterMs: uint.max(retryAfterMsMax),
  }),
])

const requests = messageCodec(requestShape, { what: 'data offer request', bytesMax: dataOfferBytesMax })
const responses = messageCodec(responseShape, { what: 'data offer response', bytesMax: dataOfferBytesMax })

export const encodeDataOfferRequest: (message: DataOfferRequest) => Uint8Array = requests.encode
export const decodeDataOfferRequest: (bytes: Uint8Array) => DataOfferRequest = requests.decode
export const encodeDataOfferResponse: (message: DataOfferResponse) => Uint8Array = responses.encode
export const decodeDataOfferResponse: (bytes: Uint8Array) => DataOfferResponse = responses.decode
