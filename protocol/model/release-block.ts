/** A release as signed DAG-CBOR. Field table: ./README.md. */
import { z } from 'zod'
import { decodeCbor, decodeError, encodeCbor } from '../codec/cbor.ts'
import { lineUpTo, modelId, parseShape, peerId, textUpTo, timeMs, uint } from '../codec/schema.ts'
import { signatureBytes, signingBytes, verifySignature } from '../codec/signature.ts'
import { tryParseModelId } from '../ids.ts'
import { licenceBytesMax, modelBytesMax, releaseBytesMax, releaseNameBytesMax, tokenizerBytesMax } from '../limits.ts'
import type { Release, SignedRelease } from './release.ts'

const what = 'release'
const domain = 'hartonomous/release/1'
const namePattern = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)?$/

/** A chat template has line breaks and tabs; every other control character is refused. */
const controlCharacter = /[^\P{Cc}\n\r\t]/u

/** The signature counts against the same limit as the bytes, so that a page of a catalogue has a known size. */
export const releaseContentBytesMax = releaseBytesMax - signatureBytes - 64

const releaseShape: z.ZodType<Release> = z.object({
  modelId,
  publisher: peerId,
  name: z
    .string()
    .max(releaseNameBytesMax)
    .regex(namePattern, 'lower case letters, digits, . _ - and one / only')
    .refine((text) => !isModelId(text), 'a model id is no name'),
  licence: lineUpTo(licenceBytesMax).refine((text) => text.trim().length > 0, 'a licence must be named'),
  format: lineUpTo(32).min(1),
  architecture: lineUpTo(64).min(1),
  sizeBytes: uint.min(1).max(modelBytesMax),
  parameterCount: uint,
  tokenizer: textUpTo(tokenizerBytesMax).refine((text) => !controlCharacter.test(text), 'control character'),
  createdAtMs: timeMs,
})

/** True for what may be the name of a release. */
export function isReleaseName(text: string): boolean {
  return text.length <= releaseNameBytesMax && namePattern.test(text) && !isModelId(text)
}

/** A name that reads as the id of another model would be taken for it in every list. */
function isModelId(text: string): boolean {
  return tryParseModelId(text) !== undefined
}

/** The bytes that a publisher signs. @throws {ERR_DECODE} when a field is not allowed @throws {ERR_LIMIT} */
export function encodeRelease(release: Release): Uint8Array {
  return encodeCbor(parseShape(releaseShape, release, what), { what, bytesMax: releaseContentBytesMax })
}

/** What the signature is made over. */
export function releaseSigningBytes(bytes: Uint8Array): Uint8Array {
  return signingBytes(domain, bytes)
}

/**
 * Reads a release and checks that its publisher signed it.
 * @throws {ERR_DECODE} @throws {ERR_LIMIT}
 */
export function decodeRelease(bytes: Uint8Array, signature: Uint8Array): SignedRelease {
  const release = parseShape(releaseShape, decodeCbor(bytes, { what, bytesMax: releaseContentBytesMax }), what)
  if (!verifySignature(release.publisher, releaseSigningBytes(bytes), signature))
    throw decodeError(what, 'signature', 0, 'not signed by its publisher')
  return { release, bytes, signature }
}
