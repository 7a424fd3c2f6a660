/**
 * Signing in with a wallet: a nonce of ours, in a message that names our page, signed by the key of an account, gives a
 * session for an hour. Neither nonces nor sessions are kept; kept is which nonces were used, until they expire.
 */
import { createHash } from 'node:crypto'
import { checksumAddress, recoverPersonalMessage } from '#node/chain/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { hour, minute, second } from '#protocol/units.ts'
import type { Identity, Role } from '../../identity.ts'
import type { WalletConfig } from '../config.ts'
import { scopesOfRole } from '../scope.ts'
import { TokenSealer } from '../sealed-token.ts'
import { tenantOfWallet } from '../tenant.ts'
import { parseSignInMessage, type SignInMessage } from './message.ts'

export const sessionPrefix = 'harts_'
/** Time to read a message in a wallet. */
const nonceTtlMs = 10 * minute
const sessionTtlMs = hour
/** Clocks of wallets and pages. */
const skewMs = minute
/** Used nonces, ~130 bytes each. A sign-in takes a place for ten minutes at most: 33 sign-ins a second. */
const usedNoncesMax = 20_000

const noncePurpose = 'wallet-nonce'
const sessionPurpose = 'wallet-session'

export interface Challenge {
  nonce: string
  expiresAtMs: number
  /** What a page writes into the message, beside the account's address. */
  version: '1'
  statement: string
  chainIds: readonly number[]
}

export interface WalletSession {
  token: string
  expiresAtMs: number
  identity: Identity
}

export class WalletSignIn {
  readonly #config: WalletConfig
  readonly #sessions: TokenSealer
  /** Of this process alone: what it has forgotten of used nonces, nobody can bring again. */
  readonly #nonces = new TokenSealer()
  readonly #now: () => number
  readonly #origins: readonly URL[]
  readonly #members: ReadonlySet<Address> | 'any'
  readonly #operators: ReadonlySet<Address>
  /** Nonce -> when it expires. */
  readonly #used = new Map<string, number>()

  constructor(config: WalletConfig, sessions: TokenSealer, now: () => number) {
    this.#config = config
    this.#sessions = sessions
    this.#now = now
    this.#origins = config.origins.map((text) => new URL(text))
    this.#members = config.addresses === 'any' ? 'any' : new Set(config.addresses.map(parseAddress))
    this.#operators = new Set(config.operators.map(parseAddress))
  }

  challenge(): Challenge {
    const expiresAtMs = Math.floor((this.#now() + nonceTtlMs) / second) * second
    const nonce = this.#nonces.seal(noncePurpose, '', expiresAtMs)
    const { statement, chainIds } = this.#config
    return { nonce, expiresAtMs, version: '1', statement, chainIds }
  }

  /** @param signature `0x…`, of `personal_sign`. @throws {ERR_USAGE} for what is no message {ERR_AUTH} {ERR_QUOTA} */
  signIn(text: string, signature: string): WalletSession {
    const message = parseSignInMessage(text)
    this.#checkPlace(message)
    this.#checkTime(message)
    const nonceExpiresAtMs = this.#openNonce(message.nonce)
    const bytes = /^0x(?:[0-9a-fA-F]{2}){64,65}$/.test(signature) ? Buffer.from(signature.slice(2), 'hex') : Buffer.of()
    if (recoverPersonalMessage(text, bytes) !== message.address)
      refuse('the signature is not of the account in the message')
    const role = this.#roleOf(message.address)
    this.#useNonce(message.nonce, nonceExpiresAtMs)
    const endsAtMs = Math.min(this.#now() + sessionTtlMs, message.expiresAtMs ?? Number.POSITIVE_INFINITY)
    const sealed = this.#sessions.seal(sessionPurpose, `${message.chainId}:${message.address}`, endsAtMs)
    const expiresAtMs = Math.floor(endsAtMs / second) * second
    const identity = identityOf(message.chainId, message.address, role, sealed)
    return { token: `${sessionPrefix}${sealed}`, expiresAtMs, identity }
  }

  /** The role is that of now, not of the sign-in: who was taken off the list is out. @throws {ERR_AUTH} */
  identify(token: string): Identity {
    const sealed = token.slice(sessionPrefix.length)
    const opened = this.#sessions.open(sessionPurpose, sealed, this.#now())
    if (opened === undefined) refuse('the session is unknown or too old: sign in again')
    const [chainId = '', address = ''] = opened.payload.split(':')
    if (!this.#config.chainIds.includes(Number(chainId))) refuse('the session is of a chain that is not taken any more')
    const account = parseAddress(address)
    return identityOf(Number(chainId), account, this.#roleOf(account), sealed)
  }

  #checkPlace({ scheme, domain, uri, chainId }: SignInMessage): void {
    // Another domain is the attack that this message is made against: a page that passes our nonce on to its visitors.
    const place = this.#origins.find(({ host, protocol }) => {
      return host === domain.toLowerCase() && (scheme === undefined || `${scheme.toLowerCase()}:` === protocol)
    })
    if (place === undefined) refuse('the domain of the message is none where people sign in to this coordinator')
    if (!URL.canParse(uri) || new URL(uri).origin !== place.origin) refuse('the URI of the message is of another place')
    if (!this.#config.chainIds.includes(chainId)) refuse(`chain ${chainId} is none that this coordinator takes`)
  }

  #checkTime({ issuedAtMs, expiresAtMs, notBeforeMs }: SignInMessage): void {
    const nowMs = this.#now()
    if (issuedAtMs > nowMs + skewMs) refuse('the message was issued in the future')
    if (issuedAtMs < nowMs - nonceTtlMs - skewMs) refuse('the message is too old')
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs) refuse('the message has expired')
    if (notBeforeMs !== undefined && notBeforeMs > nowMs + skewMs) refuse('the message is not valid yet')
  }

  #openNonce(nonce: string): number {
    const opened = this.#nonces.open(noncePurpose, nonce, this.#now())
    if (opened === undefined) refuse('the nonce is not of this coordinator, or too old')
    if (this.#used.has(nonce)) refuse('the nonce was used before')
    return opened.expiresAtMs
  }

  /** A nonce that was used is never forgotten before it expires: with no room left, nobody signs in. */
  #useNonce(nonce: string, expiresAtMs: number): void {
    const nowMs = this.#now()
    if (this.#used.size >= usedNoncesMax) {
      for (const [used, untilMs] of this.#used) if (untilMs <= nowMs) this.#used.delete(used)
    }
    if (this.#used.size >= usedNoncesMax)
      throw new HartonomousError('ERR_QUOTA', { what: 'sign-ins', limit: usedNoncesMax, retryAfterMs: minute })
    this.#used.set(nonce, expiresAtMs)
  }

  #roleOf(address: Address): Role {
    if (this.#operators.has(address)) return 'operator'
    if (this.#members === 'any' || this.#members.has(address)) return this.#config.role
    refuse('this account is not let in')
  }
}

function identityOf(chainId: number, address: Address, role: Role, sealed: string): Identity {
  return {
    tenant: tenantOfWallet(chainId, address),
    name: checksumAddress(address),
    role,
    scopes: scopesOfRole(role),
    method: 'siwe',
    credential: `session:${createHash('sha256').update(sealed).digest('hex').slice(0, 16)}`,
  }
}

function refuse(reason: string): never {
  throw new HartonomousError('ERR_AUTH', { reason })
}
