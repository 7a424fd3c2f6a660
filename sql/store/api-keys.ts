/** Keys of programs: made, looked up, revoked once. */
import { HartonomousError } from '#protocol/errors.ts'
import {
  apiKeyIdBytesMax,
  apiKeyLabelBytesMax,
  apiKeyScopesBytesMax,
  apiKeysPerHolderMax,
  apiKeyUsesPerTouchMax,
} from '#protocol/limits.ts'
import type { ApiKeyRow } from './api-key.ts'
import { atMost, checkCount, checkHash, checkName, checkText, wrong } from './bounds.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import type { TenantSession } from './executor.ts'
import type { StoredApiKey } from './statements.ts'

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkApiKey(key: ApiKeyRow): StoredApiKey {
  const { keyId, hash, holder, label, createdAtMs } = key
  checkName('the id of a key', keyId, apiKeyIdBytesMax)
  checkHash('the hash of a key', hash)
  checkText('the label of a key', label, apiKeyLabelBytesMax)
  if (!key.scopes.every((scope) => typeof scope === 'string')) throw wrong('a scope of a key is no text')
  const scopes = canonicalJson(key.scopes)
  checkText('the scopes of a key', scopes, apiKeyScopesBytesMax)
  const { expiresAtMs = null, revokedAtMs = null, lastUsedAtMs = null } = key
  for (const atMs of [createdAtMs, expiresAtMs, revokedAtMs, lastUsedAtMs])
    if (atMs !== null) checkCount('a time of a key', atMs)
  return { keyId, hash, holder, label, scopes, createdAtMs, expiresAtMs, revokedAtMs, lastUsedAtMs }
}

export async function insertApiKey(x: TenantSession, key: StoredApiKey): Promise<void> {
  const { count } = (await x.get('countApiKeys', { holder: key.holder }))!
  atMost('keys of one holder', count + 1, apiKeysPerHolderMax)
  if ((await x.get('findApiKey', { keyId: key.keyId })) !== undefined)
    throw new HartonomousError('ERR_STORE_DUPLICATE', { what: `the key ${key.keyId}` })
  await x.run('insertApiKey', key)
}

export async function getApiKey(x: TenantSession, keyId: string): Promise<ApiKeyRow | undefined> {
  const key = await x.get('findApiKey', { keyId })
  return key === undefined ? undefined : apiKeyOf(key)
}

export async function listApiKeys(x: TenantSession, holder: string): Promise<ApiKeyRow[]> {
  return (await x.all('listApiKeys', { holder })).map(apiKeyOf)
}

export async function revokeApiKey(x: TenantSession, keyId: string, atMs: number): Promise<boolean> {
  checkCount('the time of a revocation', atMs)
  return (await x.run('revokeApiKey', { keyId, atMs })) > 0
}

export async function touchApiKeys(x: TenantSession, uses: readonly { keyId: string; atMs: number }[]): Promise<void> {
  atMost('uses of keys at once', uses.length, apiKeyUsesPerTouchMax)
  for (const { atMs } of uses) checkCount('the time of a use', atMs)
  await x.runMany(
    'touchApiKey',
    uses.map(({ keyId, atMs }) => ({ keyId, atMs })),
  )
}

function apiKeyOf({ scopes, expiresAtMs, revokedAtMs, lastUsedAtMs, ...key }: StoredApiKey): ApiKeyRow {
  return {
    ...key,
    scopes: parseJson<string[]>(scopes),
    ...(expiresAtMs === null ? {} : { expiresAtMs }),
    ...(revokedAtMs === null ? {} : { revokedAtMs }),
    ...(lastUsedAtMs === null ? {} : { lastUsedAtMs }),
  }
}
