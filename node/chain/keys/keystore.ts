/**
 * Keystores of version 3 ("Web3 Secret Storage"): a private key under a passphrase, as every program of Ethereum reads and
 * writes it. The passphrase becomes 32 bytes (scrypt, or PBKDF2 in files of others), half of them the key of AES-128-CTR,
 * half of them a check: the Keccak of that half and the ciphertext tells whether the passphrase was right.
 */
import {
  createCipheriv,
  createDecipheriv,
  pbkdf2,
  randomBytes,
  randomUUID,
  type ScryptOptions,
  scrypt,
} from 'node:crypto'
import { promisify } from 'node:util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { pbkdf2RoundsMax, scryptBytesMax, scryptLanesMax } from '#protocol/limits.ts'
import { type Account, accountOf } from './private-key.ts'

/** 128 MiB and 0.4 s on one core: a guess costs whoever steals the file the same. */
const cost = { n: 131_072, r: 8, p: 1 }
const cipher = 'aes-128-ctr'

const hex = (bytes: number) => z.string().regex(new RegExp(`^(0x)?[0-9a-fA-F]{${2 * bytes}}$`))
const salt = z.string().regex(/^(0x)?([0-9a-fA-F]{2}){1,128}$/)
const dklen = z.literal(32)
const scryptParameters = z
  .object({ salt, dklen, n: z.int().min(2), r: z.int().min(1), p: z.int().min(1).max(scryptLanesMax) })
  .refine(({ n, r }) => n * r * 128 <= scryptBytesMax && Number.isInteger(Math.log2(n)), 'scrypt with bad parameters')
const pbkdf2Parameters = z.object({
  salt,
  dklen,
  c: z.int().min(1).max(pbkdf2RoundsMax),
  prf: z.literal('hmac-sha256'),
})
const common = { cipher: z.literal(cipher), cipherparams: z.object({ iv: hex(16) }), ciphertext: hex(32), mac: hex(32) }
const keystore = z.object({
  version: z.literal(3),
  address: hex(20).optional(),
  crypto: z.discriminatedUnion('kdf', [
    z.object({ ...common, kdf: z.literal('scrypt'), kdfparams: scryptParameters }),
    z.object({ ...common, kdf: z.literal('pbkdf2'), kdfparams: pbkdf2Parameters }),
  ]),
})
type Keystore = z.infer<typeof keystore>

/** The bytes of a passphrase as ethers takes them: UTF-8 of NFKC, so that one keyboard's é is the other's. */
export function passphraseBytes(typed: Uint8Array): Uint8Array {
  const isAscii = typed.every((byte) => byte < 128)
  return isAscii ? Uint8Array.from(typed) : Buffer.from(Buffer.from(typed).toString('utf8').normalize('NFKC'), 'utf8')
}

/** JSON of one line. `passphrase` is as `passphraseBytes` gives it. */
export async function encryptKeystore({ address, privateKey }: Account, passphrase: Uint8Array): Promise<string> {
  const [saltBytes, iv] = [randomBytes(32), randomBytes(16)]
  const derived = await deriveByScrypt(passphrase, saltBytes, cost)
  try {
    const encrypt = createCipheriv(cipher, derived.subarray(0, 16), iv)
    const ciphertext = Buffer.concat([encrypt.update(privateKey), encrypt.final()])
    return JSON.stringify({
      version: 3,
      id: randomUUID(),
      address: address.slice(2),
      crypto: {
        cipher,
        cipherparams: { iv: iv.toString('hex') },
        ciphertext: ciphertext.toString('hex'),
        kdf: 'scrypt',
        kdfparams: { dklen: 32, ...cost, salt: saltBytes.toString('hex') },
        mac: macOf(derived, ciphertext).toString('hex'),
      },
    })
  } finally {
    derived.fill(0)
  }
}

/** The account inside; its key is for the caller to fill with zeros. `source` names the file in errors. @throws {ERR_KEY} */
export async function decryptKeystore(json: string, passphrase: Uint8Array, source: string): Promise<Account> {
  const { crypto, address } = parseKeystore(json, source)
  const derived = await derive(crypto, passphrase)
  try {
    const ciphertext = bytesOf(crypto.ciphertext)
    if (!macOf(derived, ciphertext).equals(bytesOf(crypto.mac)))
      throw new HartonomousError('ERR_KEY', { key: source, reason: 'the passphrase is wrong' })
    const decrypt = createDecipheriv(cipher, derived.subarray(0, 16), bytesOf(crypto.cipherparams.iv))
    const account = accountOf(Buffer.concat([decrypt.update(ciphertext), decrypt.final()]))
    if (account === undefined) throw damaged(source, 'what it holds is no private key')
    // The check covers the ciphertext alone: a changed initial vector gives another key.
    if (address !== undefined && addressOf(address) !== account.address)
      throw damaged(source, 'its address does not belong to its key')
    return account
  } finally {
    derived.fill(0)
  }
}

/** The account that a keystore says it holds; nobody has to write it there. @throws {ERR_KEY} */
export function keystoreAddress(json: string, source: string): Address | undefined {
  const { address } = parseKeystore(json, source)
  return address === undefined ? undefined : addressOf(address)
}

function parseKeystore(json: string, source: string): Keystore {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw damaged(source, 'it is no JSON')
  }
  // ethers writes `Crypto`, and geth did in its first version.
  if (typeof value === 'object' && value !== null && 'Crypto' in value) value = { crypto: value.Crypto, ...value }
  const parsed = keystore.safeParse(value)
  if (parsed.success) return parsed.data
  const field = parsed.error.issues[0]?.path.join('.') || 'the whole'
  throw damaged(source, `it is no keystore of version 3 (${field})`)
}

function derive(crypto: Keystore['crypto'], passphrase: Uint8Array): Promise<Buffer> {
  const saltBytes = bytesOf(crypto.kdfparams.salt)
  if (crypto.kdf === 'scrypt') return deriveByScrypt(passphrase, saltBytes, crypto.kdfparams)
  return promisify(pbkdf2)(passphrase, saltBytes, crypto.kdfparams.c, 32, 'sha256')
}

/** In a thread of Node's pool: this one stays free. */
async function deriveByScrypt(
  passphrase: Uint8Array,
  saltBytes: Uint8Array,
  { n, r, p }: typeof cost,
): Promise<Buffer> {
  // OpenSSL keeps to RFC 7914 (N below 2^16r); the example of the keystore's own specification does not.
  if (16 * r < 53 && n >= 2 ** (16 * r)) {
    const { scryptAsync } = await import('@noble/hashes/scrypt.js')
    return Buffer.from(await scryptAsync(passphrase, saltBytes, { N: n, r, p, dkLen: 32, maxmem: scryptBytesMax * 2 }))
  }
  return promisify<Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt)(passphrase, saltBytes, 32, {
    N: n,
    r,
    p,
    // The table of N, the lanes of p, and two blocks.
    maxmem: 128 * r * (n + p + 2),
  })
}

function macOf(derived: Buffer, ciphertext: Uint8Array): Buffer {
  return Buffer.from(keccak_256(Buffer.concat([derived.subarray(16, 32), ciphertext])))
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text.replace(/^0x/, ''), 'hex')
}

function addressOf(text: string): Address {
  return parseAddress(text.startsWith('0x') ? text : `0x${text}`)
}

function damaged(source: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_KEY', { key: source, reason })
}
