/**
 * Identifiers, as branded strings. They are made only by the parse functions here, so that a value of one of these
 * types has been checked.
 */
import { CID } from 'multiformats/cid'
import { HartonomousError } from './errors.ts'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** libp2p peer id in its base58 form, for example `12D3KooW…`. */
export type PeerId = Branded<'PeerId'>
/** CIDv1 (base32, dag-cbor, sha2-256) of a model's content block. */
export type ModelId = Branded<'ModelId'>
/** Extent root (BLAKE3, 32 bytes) as 64 lower-case hexadecimal digits. An internal id, not a CID. */
export type ExtentRoot = Branded<'ExtentRoot'>
/** Account on a chain: `0x` and 40 lower-case hexadecimal digits. The mixed-case form (EIP-55) is for people. */
export type Address = Branded<'Address'>

const peerIdPattern = /^[1-9A-HJ-NP-Za-km-z]{40,64}$/
const extentRootPattern = /^[0-9a-f]{64}$/
const addressPattern = /^0x[0-9a-fA-F]{40}$/

const dagCborCode = 0x71
const sha256Code = 0x12

/** @throws {ERR_ID} */
export function parsePeerId(text: string): PeerId {
  if (!peerIdPattern.test(text)) throw new HartonomousError('ERR_ID', { kind: 'peer id', text: text.slice(0, 80) })
  return text as PeerId
}

/** @throws {ERR_ID} */
export function parseModelId(text: string): ModelId {
  const parsed = tryParseModelId(text)
  if (parsed === undefined) throw new HartonomousError('ERR_ID', { kind: 'model id', text: text.slice(0, 80) })
  return parsed
}

export function tryParseModelId(text: string): ModelId | undefined {
  if (text.length > 128) return undefined
  try {
    const cid = CID.parse(text)
    const isModel = cid.version === 1 && cid.code === dagCborCode && cid.multihash.code === sha256Code
    return isModel && cid.toString() === text ? (text as ModelId) : undefined
  } catch {
    return undefined
  }
}

/** @throws {ERR_ID} */
export function parseExtentRoot(text: string): ExtentRoot {
  if (!extentRootPattern.test(text))
    throw new HartonomousError('ERR_ID', { kind: 'extent root', text: text.slice(0, 80) })
  return text as ExtentRoot
}

/** @throws {ERR_ID} unless `bytes` is 32 long. */
export function extentRootFromBytes(bytes: Uint8Array): ExtentRoot {
  if (bytes.length !== 32) throw new HartonomousError('ERR_ID', { kind: 'extent root', text: `${bytes.length} bytes` })
  return Buffer.from(bytes.buffer, bytes.byteOffset, 32).toString('hex') as ExtentRoot
}

export function extentRootToBytes(root: ExtentRoot): Uint8Array {
  return Buffer.from(root, 'hex')
}

/** Any case is taken; a checksum is not looked at. @throws {ERR_ID} */
export function parseAddress(text: string): Address {
  if (!addressPattern.test(text)) throw new HartonomousError('ERR_ID', { kind: 'address', text: text.slice(0, 80) })
  return text.toLowerCase() as Address
}

/** @throws {ERR_ID} unless `bytes` is 20 long. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 20) throw new HartonomousError('ERR_ID', { kind: 'address', text: `${bytes.length} bytes` })
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, 20).toString('hex')}` as Address
}

export function addressToBytes(address: Address): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(address.slice(2), 'hex'))
}

/** First and last characters, for tables: `12D3K…h4Qz`. */
export function shortId(id: string): string {
  return id.length <= 12 ? id : `${id.slice(0, 6)}…${id.slice(-4)}`
}
