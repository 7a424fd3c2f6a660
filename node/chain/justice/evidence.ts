/**
 * Receipts as files, and what can be said of them before anything is sent. A file of evidence is
 * `{ "first": { "receipt": {…}, "signature": "0x…" }, "second": {…} }`; hashes, addresses and signatures are hexadecimal
 * with `0x`, and a signature has 64 bytes (ERC-2098) or 65.
 */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import type { Receipt } from '#protocol/payment/message.ts'
import { type DisputesDomain, recoverReceipt } from '../typed-data.ts'

/** A receipt and the 64 bytes under it. */
export interface SignedReceipt {
  receipt: Receipt
  signature: Uint8Array
}

export interface Equivocation {
  first: SignedReceipt
  second: SignedReceipt
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text.slice(2), 'hex'))
const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, 'not 0x and 64 hexadecimal digits')
  .transform(bytesOf)
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'not an address')
  .transform(parseAddress)
const signature = z
  .string()
  .regex(/^0x([0-9a-fA-F]{128}|[0-9a-fA-F]{128}(00|01|1b|1c|1B|1C))$/, 'not a signature of 64 or 65 bytes')
  .transform((text) => compact(bytesOf(text)))
const uint32Max = 2 ** 32 - 1
const receipt = z.strictObject({
  node: address,
  requester: address,
  job: hash,
  attempt: z.int().min(0).max(uint32Max),
  input: hash,
  output: hash,
  details: hash,
  finishedAt: z.int().min(0),
})
const signedReceipt = z.strictObject({ receipt, signature })
const equivocation = z.strictObject({ first: signedReceipt, second: signedReceipt })

/** @param source Names the text in the error. @throws {ERR_USAGE} */
export function parseSignedReceipt(text: string, source: string): SignedReceipt {
  return parse(signedReceipt, text, source)
}

/** @param source Names the text in the error. @throws {ERR_USAGE} */
export function parseEquivocation(text: string, source: string): Equivocation {
  return parse(equivocation, text, source)
}

/** The JSON that `parseSignedReceipt` takes. */
export function signedReceiptToJson({ receipt, signature }: SignedReceipt) {
  const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`
  const { job, input, output, details, ...rest } = receipt
  const hashes = { job: hex(job), input: hex(input), output: hex(output), details: hex(details) }
  return { receipt: { ...rest, ...hashes }, signature: hex(signature) }
}

/** Until when a receipt of `signer` binds `node`, in seconds since 1970; 0 for never. */
type SignerValidUntil = (node: Address, signer: Address) => Promise<number>

export interface EvidenceContext {
  domain: DisputesDomain
  /** Of the chain, in seconds since 1970. */
  nowSeconds: number
  signerValidUntil: SignerValidUntil
}

/** What keeps a receipt from binding its node; undefined where it does. */
export async function receiptProblem(signed: SignedReceipt, context: EvidenceContext): Promise<string | undefined> {
  const { node } = signed.receipt
  const signer = recoverReceipt(context.domain, signed.receipt, signed.signature)
  if (signer === undefined) return 'the signature is none that the contract takes'
  if (signer === node) return undefined
  const until = await context.signerValidUntil(node, signer)
  if (context.nowSeconds < until) return undefined
  const why = until === 0 ? 'which the node never named' : `which the node took back (${dateOf(until)})`
  return `it is signed by ${signer}, ${why}; a changed field, another chain or another contract show as a stranger too`
}

/** What keeps two receipts from being proof; undefined where they are. */
export async function equivocationProblem(
  { first, second }: Equivocation,
  context: EvidenceContext,
): Promise<string | undefined> {
  const [one, other] = [first.receipt, second.receipt]
  if (one.node !== other.node) return `the receipts are of two nodes, ${one.node} and ${other.node}`
  if (!isSame(one.job, other.job)) return 'the receipts are about two jobs'
  if (one.attempt !== other.attempt)
    return `the receipts are about attempts ${one.attempt} and ${other.attempt}: work done anew may differ`
  if (!isSame(one.input, other.input)) return 'the inputs differ: of another input the output may differ too'
  if (isSame(one.output, other.output)) return 'both receipts tell the same output: they do not contradict each other'
  for (const [which, signed] of [['first', first] as const, ['second', second] as const]) {
    const problem = await receiptProblem(signed, context)
    if (problem !== undefined) return `the ${which} receipt does not bind ${one.node}: ${problem}`
  }
  return undefined
}

function parse<T>(schema: z.ZodType<T>, text: string, source: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new HartonomousError('ERR_USAGE', { message: `${source} is not JSON` })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new HartonomousError('ERR_USAGE', {
    message: `${source}: ${issue!.path.join('.') || 'the whole'}: ${issue!.message}`,
  })
}

/** r, s and v become r and yParityAndS. */
function compact(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 64) return bytes
  assert(bytes.length === 65)
  const short = bytes.slice(0, 64)
  short[32]! |= (bytes[64]! % 27) << 7
  return short
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}
