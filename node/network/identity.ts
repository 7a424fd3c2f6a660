/**
 * The node's identity: one Ed25519 key in `identity.key`, readable by its owner only. The file is one line of text,
 * `hartonomous/identity/1 <base64url of the libp2p protobuf private key>`, so that it can be copied and pasted.
 */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { HartonomousError } from '#protocol/errors.ts'
import { type PeerId, parsePeerId } from '#protocol/ids.ts'

export interface Identity {
  peerId: PeerId
  privateKey: Ed25519PrivateKey
}

const label = 'hartonomous/identity/1'
/** Label, space, base64url of 68 bytes; anything longer is not ours. */
const identityTextLengthMax = 256

export function identityPath(dataDir: string): string {
  return join(dataDir, 'identity.key')
}

/** The line that `importIdentity` takes. Whoever has it is this node. */
export function exportIdentity(identity: Identity): string {
  return `${label} ${Buffer.from(privateKeyToProtobuf(identity.privateKey)).toString('base64url')}`
}

/** @throws {ERR_CONFIG} when the text is no identity, or damaged. `source` names it in the error. */
export async function parseIdentity(text: string, source = 'identity'): Promise<Identity> {
  const match = text.length <= identityTextLengthMax ? /^(\S+) ([\w-]+)\s*$/.exec(text) : null
  if (match?.[1] !== label) throw damaged(source, `it does not start with "${label}"`)
  let privateKey: ReturnType<typeof privateKeyFromProtobuf>
  try {
    privateKey = privateKeyFromProtobuf(Buffer.from(match[2]!, 'base64url'))
  } catch (error) {
    throw damaged(source, 'the key cannot be decoded', error)
  }
  if (privateKey.type !== 'Ed25519') throw damaged(source, `the key is ${privateKey.type}, not Ed25519`)
  const again = await generateKeyPairFromSeed('Ed25519', privateKey.raw.subarray(0, 32))
  if (!again.equals(privateKey)) throw damaged(source, 'the public half does not belong to the private half')
  return toIdentity(again)
}

/** `undefined` where there is none. @throws {ERR_CONFIG} when the file is damaged. @throws {ERR_IO} */
export async function loadIdentity(dataDir: string): Promise<Identity | undefined> {
  const path = identityPath(dataDir)
  let text: string
  try {
    text = await readFile(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw ioError(path, error)
  }
  return parseIdentity(text, path)
}

/** @throws {ERR_CONFIG} when there is one already. @throws {ERR_IO} */
export async function createIdentity(dataDir: string): Promise<Identity> {
  const identity = toIdentity(await generateKeyPair('Ed25519'))
  await writeIdentity(dataDir, identity, { replace: false })
  return identity
}

/** Two processes that start at once in one folder end up with one identity. @throws {ERR_CONFIG} {ERR_IO} */
export async function loadOrCreateIdentity(dataDir: string): Promise<Identity> {
  const existing = await loadIdentity(dataDir)
  if (existing) return existing
  try {
    return await createIdentity(dataDir)
  } catch (error) {
    const other = await loadIdentity(dataDir)
    if (other) return other
    throw error
  }
}

/** Refuses to replace an identity unless told to. @throws {ERR_CONFIG} {ERR_IO} */
export async function importIdentity(
  dataDir: string,
  text: string,
  options: { replace?: boolean } = {},
): Promise<Identity> {
  const identity = await parseIdentity(text)
  await writeIdentity(dataDir, identity, { replace: options.replace === true })
  return identity
}

function toIdentity(privateKey: Ed25519PrivateKey): Identity {
  return { peerId: parsePeerId(peerIdFromPrivateKey(privateKey).toString()), privateKey }
}

/** Whole or not at all: a temporary file is flushed, then takes the name. */
async function writeIdentity(dataDir: string, identity: Identity, options: { replace: boolean }): Promise<void> {
  const path = identityPath(dataDir)
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(`${exportIdentity(identity)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    if (options.replace) {
      await rename(temporary, path)
    } else {
      await link(temporary, path)
      await unlink(temporary)
    }
  } catch (error) {
    await unlink(temporary).catch(() => {})
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new HartonomousError('ERR_CONFIG', { key: path, reason: 'there is an identity already' })
    }
    throw ioError(path, error)
  }
}

function damaged(source: string, reason: string, cause?: unknown): HartonomousError {
  return new HartonomousError('ERR_CONFIG', { key: source, reason: `damaged identity: ${reason}` }, { cause })
}

function ioError(path: string, error: unknown): HartonomousError {
  return new HartonomousError('ERR_IO', { path, reason: error instanceof Error ? error.message : String(error) })
}
