import { z } from 'zod'
import { Bitfield, bitfieldBytesOf } from '../codec/bitfield.ts'
import { messageCodec } from '../codec/message-codec.ts'
import { modelId, uint } from '../codec/schema.ts'
import { controlFrameBytesMax, haveBitsMax, haveDeltaIndexesMax } from '../limits.ts'
import type { HaveFrame } from './message.ts'

const chunkIndexes = z
  .array(uint.max(haveBitsMax - 1))
  .min(1)
  .max(haveDeltaIndexesMax)
  .refine((indexes) => indexes.every((index, at) => at === 0 || index > indexes[at - 1]!), 'not ascending')

const frameShape: z.ZodType<HaveFrame> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('subscribe'), modelId }),
  z
    .object({
      type: z.literal('bitfield'),
      chunkCount: uint.max(haveBitsMax),
      bits: z.instanceof(Uint8Array),
    })
    .refine(({ chunkCount, bits }) => isBitfield(bits, chunkCount), {
      path: ['bits'],
      message: 'not the size that chunkCount says, or spare bits are set',
    }),
  z.object({ type: z.literal('gained'), chunkIndexes }),
  z.object({ type: z.literal('lost'), chunkIndexes }),
  z.object({ type: z.literal('absent') }),
])

function isBitfield(bits: Uint8Array, length: number): boolean {
  if (bits.length !== bitfieldBytesOf(length)) return false
  try {
    return Bitfield.fromBytes(bits, length).length === length
  } catch {
    return false
  }
}

const frames = messageCodec(frameShape, { what: 'have frame', bytesMax: controlFrameBytesMax })

export const encodeHaveFrame: (frame: HaveFrame) => Uint8Array = frames.encode
/** Whether indexes and `chunkCount` fit the model is the reader's to check: it knows the model. */
export const decodeHaveFrame: (bytes: Uint8Array) => HaveFrame = frames.decode
