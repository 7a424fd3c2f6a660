/** Content ids of published blocks: CIDv1, sha2-256, base32. */
import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

/** Multicodec table. */
export const dagCborCode = 0x71
export const rawCode = 0x55
export const sha256Code = 0x12

/** CID of a DAG-CBOR block. */
export function cidOf(bytes: Uint8Array): string {
  return cidWithCodec(bytes, dagCborCode).toString()
}

/** CID of bytes that are no DAG-CBOR. */
export function rawCidOf(bytes: Uint8Array): string {
  return cidWithCodec(bytes, rawCode).toString()
}

/** CID of a DAG-CBOR block whose SHA-256 is known. */
export function cidOfDigest(digest: Uint8Array): string {
  return CID.createV1(dagCborCode, Digest.create(sha256Code, digest)).toString()
}

function cidWithCodec(bytes: Uint8Array, codec: number): CID {
  return CID.createV1(codec, Digest.create(sha256Code, createHash('sha256').update(bytes).digest()))
}

/** A link to a DAG-CBOR block, as DAG-CBOR encodes it (tag 42). */
export function linkTo(cid: string): CID {
  return CID.parse(cid)
}

/** The text of a link in a decoded block, or undefined where it is no link to a DAG-CBOR block under sha2-256. */
export function tryLinkText(value: unknown): string | undefined {
  const cid = CID.asCID(value)
  if (cid === null || cid.version !== 1 || cid.code !== dagCborCode || cid.multihash.code !== sha256Code)
    return undefined
  return cid.multihash.size === 32 ? cid.toString() : undefined
}
