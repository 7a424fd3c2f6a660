/**
 * Keys for programs: `hart_KEYID_SECRET`. The secret is 256 random bits, so one round of SHA-256 keeps it as well as any slow
 * hash would. A key is looked up in the store for each request: one that was revoked, here or by another coordinator over the
 * same store, is worth nothing from then on.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Log } from '#node/log/index.ts'
import type { ApiKeyView, CreatedKeyView, CreateKeyRequest } from '#protocol/api/routes/keys.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import type { ApiKeyStore } from '#sql/store/index.ts'
import type { Identity } from '../identity.ts'
import type { ApiKeyService } from '../service.ts'
import type { AuthAudit } from './audit.ts'
import { readScopes, roleOfScopes } from './scope.ts'

export const keyPrefix = 'hart_'
const keyPattern = /^hart_([0-9a-f]{16})_([0-9a-f]{64})$/
/** Last uses are told to the store together: each is a write. */
const usesFlushMs = 10 * second
/** ~100 bytes each; then they are told earlier. */
const usesMax = 1000

export interface ApiKeysOptions {
  store: ApiKeyStore
  now: () => number
  log: Log
  audit: (entry: AuthAudit) => void
}

export class ApiKeys implements ApiKeyService {
  readonly #options: ApiKeysOptions
  /** Key -> when it was used last. */
  readonly #uses = new Map<string, number>()
  #flushing: NodeJS.Timeout | undefined

  constructor(options: ApiKeysOptions) {
    this.#options = options
  }

  /** @throws {ERR_FORBIDDEN} for a scope that the maker lacks, or a maker that is a key itself {ERR_USAGE} {ERR_LIMIT} */
  async create(maker: Identity, { label, scopes, expiresAtMs }: CreateKeyRequest): Promise<CreatedKeyView> {
    const { store, now, audit } = this.#options
    // A key that leaks, and is revoked, must not live on in those that it made.
    if (maker.method === 'api-key') forbid('an API key makes no further ones: sign in yourself')
    const lacking = scopes.find((scope) => !maker.scopes.has(scope))
    if (lacking !== undefined) forbid(`${maker.name.slice(0, 100)} lacks the scope ${lacking} itself`)
    const atMs = now()
    if (expiresAtMs !== undefined && expiresAtMs <= atMs)
      throw new HartonomousError('ERR_USAGE', { message: 'expiresAtMs: it is over already', param: 'expiresAtMs' })
    const keyId = randomBytes(8).toString('hex')
    const key = `${keyPrefix}${keyId}_${randomBytes(32).toString('hex')}`
    const view: ApiKeyView = {
      keyId,
      label,
      scopes: [...readScopes(scopes)],
      createdAtMs: atMs,
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    }
    await store.insertApiKey({ ...view, hash: hashOf(key), holder: maker.tenant })
    audit({ event: 'key-created', atMs, tenant: maker.tenant, credential: `key:${keyId}`, reason: label })
    return { ...view, key }
  }

  async list({ tenant }: Identity): Promise<ApiKeyView[]> {
    await this.flush()
    return (await this.#options.store.listApiKeys(tenant)).map(({ hash: _hash, holder: _holder, ...view }) => view)
  }

  /** One of the caller's own; with the scope `admin` anybody's. Of one that was revoked before: does nothing. @throws {ERR_NOT_FOUND} */
  async revoke({ tenant, scopes }: Identity, keyId: string): Promise<void> {
    const { store, now, audit } = this.#options
    const row = await store.getApiKey(keyId)
    if (row === undefined || (row.holder !== tenant && !scopes.has('admin')))
      throw new HartonomousError('ERR_NOT_FOUND', { kind: 'API key', id: keyId.slice(0, 64) })
    const atMs = now()
    if (!(await store.revokeApiKey(keyId, atMs))) return
    const reason = row.holder === tenant ? 'by its holder' : `by ${tenant}`
    audit({ event: 'key-revoked', atMs, tenant: row.holder, credential: `key:${keyId}`, reason })
  }

  /** @throws {ERR_AUTH} */
  async identify(key: string): Promise<Identity> {
    const { store, now } = this.#options
    const keyId = keyPattern.exec(key)?.[1] ?? refuse('it is no API key of this coordinator')
    const row = await store.getApiKey(keyId)
    // Of an unknown key nothing is said that would tell it from a wrong secret.
    if (row === undefined || !timingSafeEqual(hashOf(key), row.hash)) refuse('it is no API key of this coordinator')
    const atMs = now()
    if (row.revokedAtMs !== undefined) refuse('the API key was revoked')
    if (row.expiresAtMs !== undefined && row.expiresAtMs <= atMs) refuse('the API key has expired')
    this.#noteUse(keyId, atMs)
    const scopes = readScopes(row.scopes)
    return {
      tenant: row.holder,
      name: row.label,
      role: roleOfScopes(scopes),
      scopes,
      method: 'api-key',
      credential: `key:${keyId}`,
    }
  }

  /** Tells the store when keys were used last; losing it in a crash costs ten seconds of a figure for people. */
  async flush(): Promise<void> {
    clearTimeout(this.#flushing)
    this.#flushing = undefined
    const uses = Array.from(this.#uses, ([keyId, atMs]) => ({ keyId, atMs }))
    this.#uses.clear()
    if (uses.length === 0) return
    try {
      await this.#options.store.touchApiKeys(uses)
    } catch (error) {
      this.#options.log.warn('auth.key-uses', { keys: uses.length, reason: String(error) })
    }
  }

  #noteUse(keyId: string, atMs: number): void {
    this.#uses.set(keyId, atMs)
    if (this.#uses.size >= usesMax) void this.flush()
    else this.#flushing ??= setTimeout(() => void this.flush(), usesFlushMs).unref()
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(`hartonomous/api-key/1\0${key}`).digest()
}

function forbid(reason: string): never {
  throw new HartonomousError('ERR_FORBIDDEN', { action: 'making an API key', reason })
}

function refuse(reason: string): never {
  throw new HartonomousError('ERR_AUTH', { reason })
}
