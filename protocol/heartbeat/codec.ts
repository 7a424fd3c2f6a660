import { z } from 'zod'
import { decodeCbor, decodeError, encodeCbor } from '../codec/cbor.ts'
import { messageCodec } from '../codec/message-codec.ts'
import {
  bytesOf,
  bytesUpTo,
  encodeShape,
  lineUpTo,
  modelId,
  parseShape,
  peerId,
  timeMs,
  uint,
} from '../codec/schema.ts'
import { signatureBytes, signingBytes, verifySignature } from '../codec/signature.ts'
import { haveBitsMax, leaseBytesMax, leaseTtlMs, modelsPerHeartbeatMax } from '../limits.ts'
import { paymentTerms } from '../payment/index.ts'
import type { Lease, LeaseModel, SignedLease } from './message.ts'

const what = 'lease'
const domain = 'hartonomous/lease/1'
/** The envelope adds keys, the signature and two heads. */
const leaseContentBytesMax = leaseBytesMax - signatureBytes - 64

const leaseModel: z.ZodType<LeaseModel> = z
  .object({
    modelId,
    heldChunks: uint,
    chunkCount: uint.max(haveBitsMax),
    canInfer: z.boolean(),
  })
  .refine((model) => model.heldChunks <= model.chunkCount, { path: ['heldChunks'], message: 'more than there are' })

const leaseShape: z.ZodType<Lease, unknown> = z
  .object({
    peerId,
    epoch: uint,
    sequence: uint,
    issuedAtMs: timeMs,
    expiresAtMs: timeMs,
    version: lineUpTo(64),
    region: z.string().regex(/^([A-Z]{2})?$/, 'not ISO 3166-1 alpha-2'),
    models: z.array(leaseModel).max(modelsPerHeartbeatMax),
    load: z.number().min(0).max(1),
    inferenceSlotsFree: uint.max(65_535),
    inferenceSlots: uint.max(65_535),
    uploadBytesPerSecond: z.number().nonnegative().max(Number.MAX_SAFE_INTEGER),
    diskFreeBytes: uint,
    isDataReachable: z.boolean(),
    isPaused: z.boolean(),
    payment: paymentTerms.exactOptional(),
  })
  .refine(({ issuedAtMs, expiresAtMs }) => expiresAtMs > issuedAtMs && expiresAtMs - issuedAtMs <= leaseTtlMs, {
    path: ['expiresAtMs'],
    message: `not within ${leaseTtlMs} ms of its issue`,
  })
  .refine((lease) => lease.inferenceSlotsFree <= lease.inferenceSlots, {
    path: ['inferenceSlotsFree'],
    message: 'more than there are',
  })

const envelopeShape: z.ZodType<{ lease: Uint8Array; signature: Uint8Array }> = z.object({
  lease: bytesUpTo(leaseContentBytesMax),
  signature: bytesOf(signatureBytes),
})
const envelopes = messageCodec(envelopeShape, { what: 'signed lease', bytesMax: leaseBytesMax })

/** The bytes that the node signs. @throws {ERR_DECODE} for a field that is not allowed @throws {ERR_LIMIT} */
export function encodeLease(lease: Lease): Uint8Array {
  return encodeCbor(encodeShape(leaseShape, lease, what), { what, bytesMax: leaseContentBytesMax })
}

/** What the signature is made over. */
export function leaseSigningBytes(bytes: Uint8Array): Uint8Array {
  return signingBytes(domain, bytes)
}

/**
 * Reads a lease and checks that its node signed it. Whether it has expired, or is older than one already known, is the
 * reader's to check: both need a clock or a memory.
 * @throws {ERR_DECODE} @throws {ERR_LIMIT}
 */
export function decodeLease(bytes: Uint8Array, signature: Uint8Array): SignedLease {
  const lease = parseShape(leaseShape, decodeCbor(bytes, { what, bytesMax: leaseContentBytesMax }), what)
  if (!verifySignature(lease.peerId, leaseSigningBytes(bytes), signature))
    throw decodeError(what, 'signature', 0, 'not signed by its node')
  return { lease, bytes, signature }
}

/** The frame, and the gossip message: lease and signature together. */
export function encodeSignedLease({ bytes, signature }: SignedLease): Uint8Array {
  return envelopes.encode({ lease: bytes, signature })
}

/** @throws {ERR_DECODE} also for a wrong signature @throws {ERR_LIMIT} */
export function decodeSignedLease(bytes: Uint8Array): SignedLease {
  const envelope = envelopes.decode(bytes)
  return decodeLease(envelope.lease, envelope.signature)
}
