import { z } from 'zod'
import { type CborOptions, decodeCbor, encodeCbor } from '../codec/cbor.ts'
import { bytesOf, bytesUpTo, encodeShape, lineUpTo, modelId, parseShape, uint } from '../codec/schema.ts'
import { type Address, addressFromBytes, addressToBytes } from '../ids.ts'
import { paymentMessageBytesMax, receiptDetailsBytesMax, weiMax } from '../limits.ts'
import type { PaymentMessage, PaymentTerms, Prices, Receipt, ReceiptDetails } from './message.ts'

const message: CborOptions = { what: 'payment message', bytesMax: paymentMessageBytesMax }
const details: CborOptions = { what: 'receipt details', bytesMax: receiptDetailsBytesMax }

/** 20 bytes on the wire, text in memory. */
const address = z.codec(bytesOf(20), z.custom<Address>(), { decode: addressFromBytes, encode: addressToBytes })

/**
 * Big-endian without leading zeros, up to 16 bytes, as in the contracts (uint128); zero is no byte at all. So each amount
 * has one form, and small ones are short.
 */
const wei = z.codec(
  bytesUpTo(16).refine((bytes) => bytes[0] !== 0, 'leading zeros'),
  z.bigint().nonnegative().max(weiMax),
  { decode: weiFromBytes, encode: weiToBytes },
)

function weiFromBytes(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function weiToBytes(amount: bigint): Uint8Array<ArrayBuffer> {
  if (amount === 0n) return new Uint8Array()
  const digits = amount.toString(16)
  return new Uint8Array(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'))
}

const bytes32 = bytesOf(32)
const signature = bytesOf(64)
const uint32 = uint.max(0xffff_ffff)

const prices: z.ZodType<Prices, unknown> = z.object({ weiPerGiB: wei, weiPerKiloToken: wei })

/** Of a lease and of a quote. */
export const paymentTerms: z.ZodType<PaymentTerms, unknown> = z.object({
  chainId: uint,
  escrow: address,
  disputes: address,
  payee: address,
  signer: address,
  prices,
})

const receipt: z.ZodType<Receipt, unknown> = z.object({
  node: address,
  requester: address,
  job: bytes32,
  attempt: uint32,
  input: bytes32,
  output: bytes32,
  details: bytes32,
  finishedAt: uint,
})

const messageShape: z.ZodType<PaymentMessage, unknown> = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('open'),
    requester: address,
    payer: address,
    job: bytes32,
    attempt: uint32,
    topic: bytes32,
  }),
  z.object({
    type: z.literal('quote'),
    terms: paymentTerms,
    nonce: bytes32,
  }),
  z.object({ type: z.literal('prove'), signature }),
  z.object({
    type: z.literal('account'),
    promisedWei: wei,
    signature: signature.exactOptional(),
    aheadWei: wei,
  }),
  z.object({ type: z.literal('due'), cumulativeWei: wei }),
  z.object({ type: z.literal('voucher'), cumulativeWei: wei, signature }),
  z.object({ type: z.literal('finish') }),
  z.object({ type: z.literal('receipt'), receipt, details: bytesUpTo(receiptDetailsBytesMax), signature }),
  z.object({
    type: z.literal('stop'),
    reason: z.enum(['unpaid', 'voucher', 'funds', 'price', 'chain', 'offline', 'overcharged']),
  }),
])

const detailsShape: z.ZodType<ReceiptDetails, unknown> = z.object({
  kind: z.enum(['chunk', 'infer']),
  modelId,
  bytes: uint,
  promptTokens: uint,
  completionTokens: uint,
  durationMs: z.number().nonnegative().max(Number.MAX_SAFE_INTEGER),
  dueWei: wei,
  build: lineUpTo(96),
})

/** @throws {ERR_DECODE} for a field that is not allowed @throws {ERR_LIMIT} */
export function encodePayment(value: PaymentMessage): Uint8Array {
  return encodeCbor(encodeShape(messageShape, value, message.what), message)
}

/** @throws {ERR_DECODE} @throws {ERR_LIMIT} */
export function decodePayment(bytes: Uint8Array): PaymentMessage {
  return parseShape(messageShape, decodeCbor(bytes, message), message.what)
}

/** What `Receipt.details` is the SHA-256 of. @throws {ERR_DECODE} @throws {ERR_LIMIT} */
export function encodeReceiptDetails(value: ReceiptDetails): Uint8Array {
  return encodeCbor(encodeShape(detailsShape, value, details.what), details)
}

/** @throws {ERR_DECODE} @throws {ERR_LIMIT} */
export function decodeReceiptDetails(bytes: Uint8Array): ReceiptDetails {
  return parseShape(detailsShape, decodeCbor(bytes, details), details.what)
}
