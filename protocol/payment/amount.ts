/** What work costs. Rounded up to the next wei, on both sides alike, so that they agree on every total. */

import { CID } from 'multiformats/cid'
import { cidOfDigest } from '../codec/cid.ts'
import { type ModelId, parseModelId } from '../ids.ts'
import { GiB } from '../units.ts'
import type { Prices } from './message.ts'

export function priceOfBytes(bytes: number, { weiPerGiB }: Prices): bigint {
  return ceilDivide(BigInt(bytes) * weiPerGiB, BigInt(GiB))
}

export function priceOfTokens(tokens: number, { weiPerKiloToken }: Prices): bigint {
  return ceilDivide(BigInt(tokens) * weiPerKiloToken, 1000n)
}

/** How many bytes `amount` pays for at most; `Infinity` where bytes are free. */
export function bytesFor(amount: bigint, { weiPerGiB }: Prices): number {
  return weiPerGiB === 0n ? Number.POSITIVE_INFINITY : toCount((amount * BigInt(GiB)) / weiPerGiB)
}

/** How many tokens `amount` pays for at most; `Infinity` where tokens are free. */
export function tokensFor(amount: bigint, { weiPerKiloToken }: Prices): number {
  return weiPerKiloToken === 0n ? Number.POSITIVE_INFINITY : toCount((amount * 1000n) / weiPerKiloToken)
}

/** A channel per model: its owner's royalty follows from it. The 32 bytes of the SHA-256 inside the id. */
export function topicOf(modelId: ModelId): Uint8Array {
  return CID.parse(modelId).multihash.digest
}

/** The reverse of `topicOf`. */
export function modelOfTopic(topic: Uint8Array): ModelId {
  return parseModelId(cidOfDigest(topic))
}

function ceilDivide(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}

function toCount(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)
}
