/** An issuer on loopback with real keys: discovery and key set over HTTP, tokens signed by jose. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export interface SigningKey {
  kid: string
  alg: string
  privateKey: CryptoKey
  publicKey: CryptoKey
  /** As it is published. */
  jwk: JWK
}

let made = 0

export async function makeSigningKey(alg: string, kid = `key-${++made}`): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

export class LocalIssuer {
  /** What the key set holds now. */
  published: Record<string, unknown>[] = []
  /** In the discovery document, where it differs from the URL. */
  claimedIssuer: string | undefined
  /** Takes the place of an answer. */
  answer: { status: number; body: string; location?: string } | undefined
  readonly requests: string[] = []
  #server: Server | undefined
  #port = 0

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** On the port that it had before, where it had one. */
  async start(): Promise<this> {
    const server = createServer((request, response) => {
      this.requests.push(request.url!)
      if (this.answer !== undefined) {
        const { status, body, location } = this.answer
        return response.writeHead(status, location === undefined ? {} : { location }).end(body)
      }
      const isDiscovery = request.url!.endsWith('/.well-known/openid-configuration')
      const document = { issuer: this.claimedIssuer ?? this.url, jwks_uri: `${this.url}/keys` }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(isDiscovery ? document : { keys: this.published }))
    })
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
    return this
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve()
      else this.#server.close(() => resolve())
    })
    this.#server = undefined
  }
}

/** @param header beside `alg` and `kid`; `kid: undefined` leaves it out */
export function signToken(key: SigningKey, claims: JWTPayload, header: object = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey)
}
