import { z } from 'zod'
import { type CborOptions, decodeCbor, decodeError, encodeCbor } from '../codec/cbor.ts'
import { bytesUpTo, modelId, parseShape, textUpTo, uint } from '../codec/schema.ts'
import { traceparentPattern } from '../codec/traceparent.ts'
import type { ErrorCode, WireError } from '../errors.ts'
import {
  chatMessagesMax,
  embeddingDimensionsMax,
  embeddingInputsMax,
  inferenceTokensMax,
  inferFrameBytesMax,
  paymentMessageBytesMax,
  stopSequenceBytesMax,
  stopSequencesMax,
  wireErrorFieldsMax,
  wireErrorTextMax,
} from '../limits.ts'
import type { EmbedInput, InferFrame, InferInput } from './message.ts'
import { isUnitVector } from './vector.ts'

const options: CborOptions = { what: 'infer frame', bytesMax: inferFrameBytesMax }

/** Number of each frame on the wire. 18 to 31 belong to layer ranges and hidden states of later versions. */
const frameNumbers = { start: 1, accepted: 2, delta: 3, end: 4, error: 5, pay: 6, embed: 16, embedding: 17 } as const
const reservedMin = 18
const reservedMax = 31

const text = textUpTo(inferFrameBytesMax)

const prompt = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('chat'),
    messages: z
      .array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: text }))
      .min(1)
      .max(chatMessagesMax),
  }),
  z.object({ type: z.literal('completion'), text }),
])

const sampling = z.object({
  temperature: z.number().min(0).max(2),
  topP: z.number().min(0).max(1),
  topK: uint.max(1_000_000),
  seed: z.int().exactOptional(),
  maxTokens: uint.min(1).max(inferenceTokensMax),
  stop: z.array(textUpTo(stopSequenceBytesMax).min(1)).max(stopSequencesMax),
})

const traceparent = z.string().regex(traceparentPattern, 'not a traceparent')

/** A code that only a later version knows passes: `errorFromWire` gives it a place. */
const wireError = z
  .object({
    code: z.string().regex(/^ERR_[A-Z_]{1,60}$/, 'not an error code'),
    fields: z.record(z.string().max(64), z.unknown()),
  })
  .transform(({ code, fields }): WireError => ({ code: code as ErrorCode, fields: plainFields(fields) }))

const payment = bytesUpTo(paymentMessageBytesMax).refine((bytes) => bytes.length > 0, 'empty')

const inputFields = { modelId, prompt, sampling }

export const inferInputShape: z.ZodType<InferInput> = z.object(inputFields)

const embedFields = { modelId, inputs: z.array(text.min(1)).min(1).max(embeddingInputsMax) }

export const embedInputShape: z.ZodType<EmbedInput> = z.object(embedFields)

const openerFields = { traceparent: traceparent.exactOptional(), payment: payment.exactOptional() }

const frameShape: z.ZodType<InferFrame> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('start'), ...inputFields, ...openerFields }),
  z.object({ type: z.literal('embed'), ...embedFields, ...openerFields }),
  z.object({ type: z.literal('accepted'), queued: uint }),
  z.object({ type: z.literal('delta'), text, tokens: uint.max(inferenceTokensMax) }),
  z.object({
    type: z.literal('embedding'),
    index: uint.max(embeddingInputsMax - 1),
    vector: bytesUpTo(4 * embeddingDimensionsMax).refine(isUnitVector, 'not a vector of length 1'),
    tokens: uint.max(inferenceTokensMax),
    quality: z.enum(['encoder', 'low']),
  }),
  z.object({
    type: z.literal('end'),
    reason: z.enum(['stop', 'length', 'cancelled']),
    promptTokens: uint,
    completionTokens: uint,
    durationMs: z.number().nonnegative().max(Number.MAX_SAFE_INTEGER),
  }),
  z.object({ type: z.literal('error'), error: wireError }),
  z.object({ type: z.literal('pay'), message: payment }),
  z.object({ type: z.literal('reserved'), number: uint.min(reservedMin).max(reservedMax) }),
])

/** @throws {ERR_DECODE} for a field that is not allowed @throws {ERR_LIMIT} */
export function encodeInferFrame(frame: InferFrame): Uint8Array {
  const { type, ...fields } = parseShape(frameShape, frame, options.what)
  // A reserved frame can be sent by tests and later versions only; its number is its type.
  if (type === 'reserved') return encodeCbor({ t: (fields as { number: number }).number }, options)
  return encodeCbor({ t: frameNumbers[type], ...fields }, options)
}

/** Fields that are not known are left out. @throws {ERR_DECODE} @throws {ERR_LIMIT} */
export function decodeInferFrame(bytes: Uint8Array): InferFrame {
  const value = decodeCbor(bytes, options)
  const number = typeof value === 'object' && value !== null ? (value as { t?: unknown }).t : undefined
  if (typeof number === 'number' && number >= reservedMin && number <= reservedMax) return { type: 'reserved', number }
  const type = Object.entries(frameNumbers).find(([, known]) => known === number)?.[0]
  if (type === undefined) throw decodeError(options.what, 't', 0, 'unknown frame type')
  return parseShape(frameShape, { ...(value as object), type }, options.what)
}

/** Text and numbers only, shortened: fields of an error end in logs and messages. */
function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields).slice(0, wireErrorFieldsMax)) {
    if (typeof value === 'string') plain[key] = value.toWellFormed().slice(0, wireErrorTextMax).replace(/\p{C}/gu, ' ')
    else if (typeof value === 'number' || typeof value === 'boolean') plain[key] = value
  }
  return plain
}
