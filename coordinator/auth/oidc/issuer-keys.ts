/**
 * Public keys of one issuer. Old ones are used while new ones are fetched; a key that is not known has them fetched anew,
 * but not more often than twice a minute, however many tokens name keys that do not exist.
 */
import { type CryptoKey, importJWK, type JWK } from 'jose'
import { HartonomousError } from '#protocol/errors.ts'
import { day, minute, second } from '#protocol/units.ts'
import type { IssuerConfig } from '../config.ts'
import { fetchTrustedJson } from './trusted-json.ts'

/** After it they are fetched again, while the old ones go on. */
const freshMs = 10 * minute
/** An issuer that is down for longer: whether a key was withdrawn meanwhile nobody knows. */
const usableMs = day
/** Between two fetches, whether they succeed or not. */
const coolDownMs = 30 * second
/** Entra has about ten. */
const keysMax = 64

/** An issuer's key. Entra names the directory for which a key signs. */
interface PublishedKey extends JWK {
  issuer?: string
}

export interface WantedKey {
  alg: string
  kid: string | undefined
  /** The claim `iss`, and `tid` of a multi-tenant issuer. */
  issuer: string
  directory: string | undefined
}

export class IssuerKeys {
  readonly #config: IssuerConfig
  readonly #now: () => number
  #keys: readonly PublishedKey[] = []
  /** By algorithm and thumb of the key: importing takes as long as checking a signature. */
  readonly #imported = new Map<string, Promise<CryptoKey | Uint8Array>>()
  #loadedAtMs = Number.NEGATIVE_INFINITY
  #triedAtMs = Number.NEGATIVE_INFINITY
  #lastFailure: unknown
  #loading: Promise<void> | undefined

  constructor(config: IssuerConfig, now: () => number) {
    this.#config = config
    this.#now = now
  }

  /** @throws {ERR_AUTH} where it has no such key {ERR_NO_SOURCE} where its keys are not to be had */
  async find(wanted: WantedKey): Promise<CryptoKey | Uint8Array> {
    const ageMs = this.#now() - this.#loadedAtMs
    if (ageMs > usableMs) await this.#reload()
    // Failure shows when the keys are too old; until then the issuer may be down.
    else if (ageMs > freshMs) this.#reload().catch(() => {})
    const known = this.#choose(wanted)
    if (known !== undefined) return this.#import(known, wanted.alg)
    await this.#reload()
    const fetched = this.#choose(wanted) ?? unknownKey(this.#config.issuer)
    return this.#import(fetched, wanted.alg)
  }

  #isCoolingDown(): boolean {
    return this.#loading === undefined && this.#now() - this.#triedAtMs < coolDownMs
  }

  /** One at a time, for all who wait; soon after the last one nothing is fetched, and a failure is that of the last one. */
  async #reload(): Promise<void> {
    if (this.#isCoolingDown()) {
      if (this.#lastFailure !== undefined) throw this.#lastFailure
      return
    }
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    await this.#loading
  }

  async #load(): Promise<void> {
    this.#triedAtMs = this.#now()
    try {
      const { keys } = await fetchTrustedJson(this.#config.jwks ?? (await this.#discover()))
      if (!Array.isArray(keys)) throw noKeys(this.#config.issuer, 'its key set has no list of keys')
      this.#keys = keys.slice(0, keysMax).filter((key): key is PublishedKey => typeof key?.kty === 'string')
      this.#imported.clear()
      this.#loadedAtMs = this.#now()
      this.#lastFailure = undefined
    } catch (error) {
      this.#lastFailure = error
      throw error
    }
  }

  /** Where a document names another issuer, its keys are that one's (OpenID Connect Discovery 1.0, section 4.3). */
  async #discover(): Promise<string> {
    const { issuer, discovery } = this.#config
    const url = discovery ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const document = await fetchTrustedJson(url)
    if (document['issuer'] !== issuer) throw noKeys(issuer, `${url} is the document of another issuer`)
    if (typeof document['jwks_uri'] !== 'string') throw noKeys(issuer, `${url} names no jwks_uri`)
    return document['jwks_uri']
  }

  /** Without `kid` only where there is no choice. */
  #choose(wanted: WantedKey): PublishedKey | undefined {
    const fitting = this.#keys.filter((key) => fits(key, wanted))
    if (wanted.kid !== undefined) return fitting.find((key) => key.kid === wanted.kid)
    return fitting.length === 1 ? fitting[0] : undefined
  }

  #import(key: PublishedKey, alg: string): Promise<CryptoKey | Uint8Array> {
    const name = `${alg} ${JSON.stringify([key.kid, key.n, key.x, key.y])}`
    const known = this.#imported.get(name) ?? importJWK(key, alg)
    this.#imported.set(name, known)
    return known
  }
}

/** By what the key says of itself: never by what the token would like it to be. */
function fits(key: PublishedKey, { alg, issuer, directory }: WantedKey): boolean {
  const isType =
    alg === 'ES256'
      ? key.kty === 'EC' && key.crv === 'P-256'
      : alg === 'EdDSA'
        ? key.kty === 'OKP' && key.crv === 'Ed25519'
        : key.kty === 'RSA'
  const isForSignatures = (key.use ?? 'sig') === 'sig' && (key.key_ops ?? ['verify']).includes('verify')
  const isOfIssuer = key.issuer === undefined || key.issuer.replace('{tenantid}', directory ?? '') === issuer
  return isType && isForSignatures && (key.alg ?? alg) === alg && isOfIssuer
}

function unknownKey(issuer: string): never {
  throw new HartonomousError('ERR_AUTH', { reason: `the access token is signed by no key of ${issuer}` })
}

function noKeys(issuer: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_NO_SOURCE', { subject: `keys of ${issuer}`, reason })
}
