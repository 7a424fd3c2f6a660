/**
 * Texts that only this coordinator can have made, and that say themselves until when they count: nothing is kept of
 * them, so that nobody can fill the memory by asking for more, or push out those of others.
 *
 *     hex( random 16 | expires, seconds u32be | payload | first 16 bytes of HMAC-SHA-256 over purpose and all before )
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const randomBytesLength = 16
const headLength = randomBytesLength + 4
const macLength = 16
/** As text; the payload of a session is < 64 bytes. */
const sealedCharactersMax = 512

export interface Opened {
  payload: string
  expiresAtMs: number
}

export class TokenSealer {
  readonly #key: Uint8Array

  /** @param key 32 bytes; with a fresh one all that was sealed before is void. */
  constructor(key: Uint8Array = randomBytes(32)) {
    this.#key = key
  }

  /** What is sealed for one purpose is nothing for another. Expires at a whole second, not after `expiresAtMs`. */
  seal(purpose: string, payload: string, expiresAtMs: number): string {
    const expires = Buffer.alloc(4)
    expires.writeUInt32BE(Math.floor(expiresAtMs / 1000))
    const body = Buffer.concat([randomBytes(randomBytesLength), expires, Buffer.from(payload, 'utf8')])
    return Buffer.concat([body, this.#mac(purpose, body)]).toString('hex')
  }

  /** `undefined` where it is not ours, for something else, or too old. */
  open(purpose: string, text: string, nowMs: number): Opened | undefined {
    if (text.length > sealedCharactersMax || !/^(?:[0-9a-f]{2})+$/.test(text)) return undefined
    const bytes = Buffer.from(text, 'hex')
    if (bytes.length < headLength + macLength) return undefined
    const body = bytes.subarray(0, -macLength)
    if (!timingSafeEqual(bytes.subarray(-macLength), this.#mac(purpose, body))) return undefined
    const expiresAtMs = body.readUInt32BE(randomBytesLength) * 1000
    return expiresAtMs > nowMs ? { payload: body.toString('utf8', headLength), expiresAtMs } : undefined
  }

  #mac(purpose: string, body: Uint8Array): Buffer {
    const mac = createHmac('sha256', this.#key).update(`hartonomous/${purpose}/1\0`).update(body)
    return mac.digest().subarray(0, macLength)
  }
}
