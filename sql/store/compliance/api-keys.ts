import { describe, expect, test } from 'vitest'
import { apiKeysPerHolderMax } from '#protocol/limits.ts'
import type { ApiKeyRow } from '../api-key.ts'
import { bytesOf } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

export function sampleKey(keyId: string, changes: Partial<ApiKeyRow> = {}): ApiKeyRow {
  const hash = bytesOf(`key ${keyId}`, 32)
  return { keyId, hash, holder: 'issuer:me', label: 'größe 😀 ', scopes: ['jobs', 'nodes'], createdAtMs: 5, ...changes }
}

export function apiKeyCompliance(open: OpenStore): void {
  describe('keys of programs', () => {
    const opened = storeOpener(open)

    test('shard store: a key comes back as it was, by its id and among those of its holder', async () => {
      const { tenant, reopen } = await opened()
      const full = sampleKey('b', { createdAtMs: 1, expiresAtMs: 9, revokedAtMs: 3, lastUsedAtMs: 2, scopes: [] })
      const keys = [full, sampleKey('a'), sampleKey('c')]
      for (const key of [keys[2]!, keys[0]!, keys[1]!]) await tenant.insertApiKey(key)
      const long = sampleKey('d', { holder: `issuer:${'x'.repeat(1000)} ` })
      await tenant.insertApiKey(long)
      expect(await tenant.listApiKeys('issuer:me')).toEqual(keys)
      expect(await tenant.listApiKeys(long.holder)).toEqual([long])
      expect(await tenant.listApiKeys(long.holder.trimEnd())).toEqual([])
      expect(await tenant.getApiKey('b')).toEqual(full)
      expect(await tenant.getApiKey('x')).toBeUndefined()
      await expect(tenant.insertApiKey({ ...full, holder: 'issuer:you' })).rejects.toMatchObject({
        code: 'ERR_STORE_DUPLICATE',
      })
      if (reopen !== undefined)
        expect(await (await reopen()).forTenant('local:owner').listApiKeys('issuer:me')).toEqual(keys)
    })

    test('shard store: a key is revoked once, and the time of its last use never goes back', async () => {
      const { tenant, store } = await opened()
      await tenant.insertApiKey(sampleKey('a'))
      await tenant.insertApiKey(sampleKey('b'))
      const other = store.forTenant('issuer:other')
      expect(await other.revokeApiKey('a', 7)).toBe(false)
      await other.touchApiKeys([{ keyId: 'a', atMs: 99 }])
      expect(await tenant.revokeApiKey('a', 7)).toBe(true)
      expect(await tenant.revokeApiKey('a', 8)).toBe(false)
      expect(await tenant.revokeApiKey('x', 8)).toBe(false)
      await tenant.touchApiKeys([
        { keyId: 'a', atMs: 20 },
        { keyId: 'a', atMs: 10 },
        { keyId: 'x', atMs: 10 },
        { keyId: 'b', atMs: 0 },
      ])
      await tenant.touchApiKeys([])
      expect(await tenant.listApiKeys('issuer:me')).toEqual([
        sampleKey('a', { revokedAtMs: 7, lastUsedAtMs: 20 }),
        sampleKey('b', { lastUsedAtMs: 0 }),
      ])
      expect(await other.getApiKey('a')).toBeUndefined()
    })

    test('shard store: refuses what is no key, and a holder with too many', async () => {
      const { tenant } = await opened()
      const bad: [Partial<ApiKeyRow>, string][] = [
        [{ keyId: '' }, 'ERR_USAGE'],
        [{ keyId: 'x'.repeat(65) }, 'ERR_LIMIT'],
        [{ hash: new Uint8Array(16) }, 'ERR_USAGE'],
        [{ holder: '' }, 'ERR_USAGE'],
        [{ holder: 'x'.repeat(2000) }, 'ERR_USAGE'],
        [{ label: 'x'.repeat(300) }, 'ERR_LIMIT'],
        [{ scopes: [1 as unknown as string] }, 'ERR_USAGE'],
        [{ scopes: ['x'.repeat(5000)] }, 'ERR_LIMIT'],
        [{ createdAtMs: -1 }, 'ERR_USAGE'],
        [{ expiresAtMs: 0.5 }, 'ERR_USAGE'],
      ]
      for (const [changes, code] of bad)
        await expect(tenant.insertApiKey(sampleKey('a', changes))).rejects.toMatchObject({ code })
      await expect(tenant.revokeApiKey('a', -1)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      await expect(tenant.touchApiKeys([{ keyId: 'a', atMs: -1 }])).rejects.toMatchObject({ code: 'ERR_USAGE' })
      await Promise.all(Array.from({ length: apiKeysPerHolderMax }, (_, n) => tenant.insertApiKey(sampleKey(`${n}`))))
      await expect(tenant.insertApiKey(sampleKey('one more'))).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      await tenant.insertApiKey(sampleKey('of another', { holder: 'issuer:you' }))
    })
  })
}
