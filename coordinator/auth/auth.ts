/** Who calls a coordinator: each way to prove it gives an `Identity`, and all that comes after looks at that alone. */
import { type CallerRequest, hasOwnOrigin, isLoopbackAddress, type OwnerAuth } from '#node/gateway/index.ts'
import type { Log } from '#node/log/index.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { KiB, minute } from '#protocol/units.ts'
import type { ApiKeyStore, TenantId } from '#sql/store/index.ts'
import type { Identity } from '../identity.ts'
import { ApiKeys, keyPrefix } from './api-keys.ts'
import type { AuthAudit } from './audit.ts'
import { ClientAddresses } from './client-address.ts'
import type { AuthConfig } from './config.ts'
import type { AccessTokens } from './oidc/access-tokens.ts'
import { type QuotaLimits, TenantQuotas } from './quota.ts'
import { RateTable } from './rate-table.ts'
import { readScopes, scopesOfRole } from './scope.ts'
import { TokenSealer } from './sealed-token.ts'
import { ownerTenant, visitorTenant } from './tenant.ts'
import { sessionPrefix, WalletSignIn } from './wallet/sign-in.ts'

/** Of an `Authorization` header. Tokens of Entra have 2 to 4 KiB, with many groups 6. */
const bearerCharactersMax = 8 * KiB
/** Addresses that failed or looked on lately, ~150 bytes each; least recently seen out. */
const failingAddressesMax = 32_768

/** Every header of a JWT is a JSON object, which begins with `{"`. */
const tokenPattern = /^eyJ[\w-]*\./

const owner: Identity = {
  tenant: ownerTenant,
  name: 'owner',
  role: 'owner',
  scopes: scopesOfRole('owner'),
  method: 'owner',
  credential: 'owner-token',
}

/** A program of this machine without a key: it may ask models, and see nothing of the owner's. */
const localProgram: Identity = {
  tenant: ownerTenant,
  name: 'a program of this machine',
  role: 'member',
  scopes: readScopes(['infer', 'network:read']),
  method: 'anonymous',
  credential: 'loopback',
}

/** Whoever looks at the map: it shows what nodes tell everybody, and nothing that belongs to a tenant. */
const visitor: Identity = {
  tenant: visitorTenant,
  name: 'a visitor',
  role: 'reader',
  scopes: readScopes(['network:read']),
  method: 'anonymous',
  credential: 'none',
}

export interface AuthOptions {
  config: AuthConfig
  /** Of the tenant `coordinatorTenant`. */
  store: ApiKeyStore
  ownerAuth: Pick<OwnerAuth, 'isOwner'>
  /** The server listens on addresses of this machine only. */
  isLoopbackOnly: boolean
  log: Log
  audit: (entry: AuthAudit) => void
  /** 32 bytes; a fresh one ends all sessions of wallets. */
  sessionKey?: Uint8Array
  now?: () => number
}

export async function openAuth(options: AuthOptions): Promise<CoordinatorAuth> {
  const { config, now = Date.now } = options
  if (config.issuers.length === 0) return new CoordinatorAuth(options, undefined)
  const { AccessTokens } = await import('./oidc/access-tokens.ts')
  return new CoordinatorAuth(options, new AccessTokens(config.issuers, now))
}

export class CoordinatorAuth {
  readonly keys: ApiKeys
  readonly quotas: TenantQuotas
  /** Where wallets may sign in. */
  readonly wallets: WalletSignIn | undefined
  readonly #options: AuthOptions
  readonly #now: () => number
  readonly #tokens: AccessTokens | undefined
  readonly #addresses: ClientAddresses
  readonly #failures = new RateTable(failingAddressesMax)
  readonly #visits = new RateTable(failingAddressesMax)

  constructor(options: AuthOptions, tokens: AccessTokens | undefined) {
    const { config, store, log, audit, sessionKey, now = Date.now } = options
    this.#options = options
    this.#now = now
    this.#tokens = tokens
    this.#addresses = new ClientAddresses(config.trustedProxies)
    this.keys = new ApiKeys({ store, now, log, audit })
    this.quotas = new TenantQuotas((tenant) => limitsOf(config, tenant), now)
    this.wallets = config.wallets && new WalletSignIn(config.wallets, new TokenSealer(sessionKey), now)
  }

  /**
   * Takes one request of the tenant's quota.
   *
   * @param isOpenAi a route of the OpenAI gateway, which programs of this machine may use without a key
   * @throws {ERR_AUTH} {ERR_QUOTA} {ERR_NO_SOURCE} where the keys of the token's issuer are not to be had
   */
  async identify(request: CallerRequest, { isOpenAi = false } = {}): Promise<Identity> {
    const identity = await this.#recognise(request, isOpenAi)
    if (identity === visitor) this.#takeVisit(request)
    else this.quotas.takeRequest(identity.tenant)
    return identity
  }

  /** @throws {ERR_USAGE} for what is no message {ERR_AUTH} {ERR_QUOTA} */
  async signIn(request: CallerRequest, wallets: WalletSignIn, of: { message: string; signature: string }) {
    const session = await this.#attempt(request, () => wallets.signIn(of.message, of.signature))
    const { tenant, credential } = session.identity
    const address = this.#addresses.of(request)
    this.#options.audit({ event: 'signed-in', atMs: this.#now(), tenant, credential, address })
    return session
  }

  close(): Promise<void> {
    return this.keys.flush()
  }

  async #recognise(request: CallerRequest, isOpenAi: boolean): Promise<Identity> {
    // First, and never limited: a program that goes wrong on this machine must not lock its owner out.
    if (this.#options.ownerAuth.isOwner(request)) return owner
    const bearer = bearerOf(request)
    // OpenAI's clients want a key, and people give them any: what is none of ours is none.
    if (isOpenAi && (bearer === undefined || !isOfOurs(bearer)) && this.#isLocalProgram(request)) return localProgram
    if (bearer === undefined) {
      if (this.#options.config.publicNetwork && !isOpenAi) return visitor
      refuse('no credentials: send Authorization: Bearer, with an API key or a token')
    }
    return this.#attempt(request, () => this.#recogniseBearer(bearer))
  }

  /** Visitors are one tenant, and each has a quota of its own. @throws {ERR_QUOTA} */
  #takeVisit(request: CallerRequest): void {
    const { requestsPerMinute: count } = this.#options.config.quota
    const address = this.#addresses.of(request)
    const rate = { count, periodMs: minute }
    const waitMs = this.#visits.wait(address, rate, 1, this.#now())
    if (waitMs > 0) throw new HartonomousError('ERR_QUOTA', { what: 'requests', limit: count, retryAfterMs: waitMs })
    this.#visits.charge(address, rate, 1, this.#now())
  }

  /** Failures are counted by address, and written down; from an address with too many nothing is looked at for a while. */
  async #attempt<T>(request: CallerRequest, work: () => T | Promise<T>): Promise<T> {
    const address = this.#addresses.of(request)
    const rate = { count: this.#options.config.attemptsPerMinute, periodMs: minute }
    const waitMs = this.#failures.wait(address, rate, 1, this.#now())
    if (waitMs > 0)
      throw new HartonomousError('ERR_QUOTA', { what: 'failed sign-ins', limit: rate.count, retryAfterMs: waitMs })
    try {
      return await work()
    } catch (error) {
      if (isHartonomousError(error, 'ERR_AUTH')) {
        this.#failures.charge(address, rate, 1, this.#now())
        this.#options.audit({ event: 'sign-in-failed', atMs: this.#now(), address, reason: error.fields.reason })
      }
      throw error
    }
  }

  #recogniseBearer(bearer: string): Identity | Promise<Identity> {
    const { config } = this.#options
    if (bearer.length > bearerCharactersMax) refuse(`a bearer token has ${bearerCharactersMax} characters at most`)
    if (bearer.startsWith(keyPrefix))
      return config.apiKeys ? this.keys.identify(bearer) : refuse('this coordinator takes no API keys')
    if (bearer.startsWith(sessionPrefix))
      return this.wallets?.identify(bearer) ?? refuse('wallets do not sign in to this coordinator')
    if (tokenPattern.test(bearer))
      return this.#tokens?.identify(bearer) ?? refuse('this coordinator trusts no issuer of tokens')
    refuse('the bearer token is none of this coordinator')
  }

  /**
   * On a machine of its own, and not through a proxy: a proxy comes from loopback too, whoever stands behind it. One that
   * hides itself is known by the public name for which it was set up.
   */
  #isLocalProgram(request: CallerRequest): boolean {
    const { config, isLoopbackOnly } = this.#options
    const { headers, socket } = request
    const isPublic = config.publicUrls.length > 0 || config.hostNames.length > 0
    const isForwarded = ['x-forwarded-for', 'x-real-ip', 'forwarded', 'via'].some((name) => headers[name] !== undefined)
    const isOwnPage = headers.origin === undefined || hasOwnOrigin(request)
    const isLocal = isLoopbackAddress(socket.remoteAddress) && !isForwarded && isOwnPage
    return config.loopbackOpenAi && isLoopbackOnly && !isPublic && isLocal
  }
}

function limitsOf({ quota, tenantQuotas }: AuthConfig, tenant: TenantId): QuotaLimits | undefined {
  if (tenant === ownerTenant) return undefined
  if (!Object.hasOwn(tenantQuotas, tenant)) return quota
  const own = Object.entries(tenantQuotas[tenant]!).filter(([, value]) => value !== undefined)
  return { ...quota, ...Object.fromEntries(own) }
}

function bearerOf({ headers }: CallerRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
}

function isOfOurs(bearer: string): boolean {
  return bearer.startsWith(keyPrefix) || bearer.startsWith(sessionPrefix) || tokenPattern.test(bearer)
}

function refuse(reason: string): never {
  throw new HartonomousError('ERR_AUTH', { reason })
}
