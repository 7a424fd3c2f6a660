/** The one-time tokens of our data offers: each lets one peer open one connection, for a short time. */
import { HartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { dataConnectionsPerPeerMax, offerTokensMax, offerTokenTtlMs } from '#protocol/limits.ts'

export interface OfferToken {
  peerId: PeerId
  /** The only certificate that may present it; `undefined` where the peer told none (it dials us to serve). */
  certificateSha256: string | undefined
  expiresAtMs: number
}

export class OfferTokens {
  readonly #tokens = new Map<string, OfferToken>()
  readonly #now: () => number
  readonly #randomBytes: (length: number) => Uint8Array

  constructor(now: () => number, randomBytes: (length: number) => Uint8Array) {
    this.#now = now
    this.#randomBytes = randomBytes
  }

  /** A peer that asks again and again pushes out its own tokens only. @throws {ERR_PEER_BUSY} */
  issue(peerId: PeerId, certificateSha256: string | undefined): Uint8Array {
    const now = this.#now()
    const own: string[] = []
    for (const [key, token] of this.#tokens) {
      if (token.expiresAtMs <= now) this.#tokens.delete(key)
      else if (token.peerId === peerId) own.push(key)
    }
    if (own.length >= dataConnectionsPerPeerMax) this.#tokens.delete(own[0]!)
    if (this.#tokens.size >= offerTokensMax) {
      throw new HartonomousError('ERR_PEER_BUSY', { peer: peerId, retryAfterMs: offerTokenTtlMs })
    }
    const bytes = this.#randomBytes(32)
    this.#tokens.set(keyOf(bytes), { peerId, certificateSha256, expiresAtMs: now + offerTokenTtlMs })
    return bytes
  }

  /** Uses the token up, also where it is refused because of the certificate. */
  redeem(bytes: Uint8Array, certificateSha256: string): OfferToken | undefined {
    const key = keyOf(bytes)
    const token = this.#tokens.get(key)
    this.#tokens.delete(key)
    if (token === undefined || token.expiresAtMs <= this.#now()) return undefined
    const isBound = token.certificateSha256 !== undefined && token.certificateSha256 !== certificateSha256
    return isBound ? undefined : token
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
