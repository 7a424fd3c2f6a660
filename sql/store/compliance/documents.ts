import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { documentBytesMax } from '#protocol/limits.ts'
import type { TenantStore } from '../types.ts'
import { type OpenStore, storeOpener } from './setup.ts'

export const documentHash = (text: string) => new Uint8Array(createHash('sha256').update(text).digest())

async function put(tenant: TenantStore, text: string, atMs = 1): Promise<Uint8Array> {
  const hash = documentHash(text)
  await tenant.putDocument({ hash, text, atMs })
  return hash
}

export function documentCompliance(open: OpenStore): void {
  describe('documents', () => {
    const opened = storeOpener(open)

    test('shard store: a document comes back by its hash, and no other text can take its place', async () => {
      const { tenant, store, reopen } = await opened()
      const texts = ['', ' permit(principal, action, resource); ', 'größe 😀 \u0000', 'x'.repeat(documentBytesMax)]
      for (const text of [...texts, ...texts]) await put(tenant, text)
      for (const text of texts) expect((await tenant.getDocument(documentHash(text))) === text).toBe(true)
      expect(await tenant.getDocument(documentHash('unknown'))).toBeUndefined()
      expect((await store.statistics()).rows).toMatchObject({ document: texts.length })
      const bad: [object, string][] = [
        [{ text: 'other' }, 'ERR_USAGE'],
        [{ hash: new Uint8Array(31) }, 'ERR_USAGE'],
        [{ text: '\ud800' }, 'ERR_USAGE'],
        [{ atMs: -1 }, 'ERR_USAGE'],
        [{ text: 'x'.repeat(documentBytesMax + 1) }, 'ERR_LIMIT'],
      ]
      for (const [changes, code] of bad) {
        const done = tenant.putDocument({ hash: documentHash('a'), text: 'a', atMs: 1, ...changes })
        await expect(done).rejects.toMatchObject({ code })
      }
      expect(await store.forTenant('issuer:other').getDocument(documentHash(''))).toBeUndefined()
      if (reopen === undefined) return
      expect(await (await reopen()).forTenant('local:owner').getDocument(documentHash(texts[2]!))).toBe(texts[2])
    })

    test('shard store: a name moves from the text that was read to the next, and keeps the ones before', async () => {
      const { tenant } = await opened()
      const [a, b, c] = [await put(tenant, 'a'), await put(tenant, 'b'), await put(tenant, 'c')]
      const name = 'policy/größe 😀 '
      expect(await tenant.listVersions(name)).toEqual([])
      const conflict = { code: 'ERR_STORE_CONFLICT' }
      await expect(tenant.nameDocument(name, a, { previous: a, atMs: 1 })).rejects.toMatchObject(conflict)
      await tenant.nameDocument(name, a, { atMs: 1 })
      await expect(tenant.nameDocument(name, b, { atMs: 2 })).rejects.toMatchObject(conflict)
      await expect(tenant.nameDocument(name, documentHash('unknown'), { previous: a, atMs: 2 })).rejects.toMatchObject({
        code: 'ERR_NOT_FOUND',
        fields: { kind: 'document' },
      })
      const race = await Promise.allSettled(
        [b, c].map((hash) => tenant.nameDocument(name, hash, { previous: a, atMs: 2 })),
      )
      expect(race.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
      const [winner, loser] = race[0]!.status === 'fulfilled' ? [b, c] : [c, b]
      await tenant.nameDocument(name, loser, { previous: winner, atMs: 3 })
      // It points there already.
      await tenant.nameDocument(name, loser, { previous: loser, atMs: 4 })
      // Back to an old text is a version of its own.
      await tenant.nameDocument(name, a, { previous: loser, atMs: 5 })
      expect(await tenant.listVersions(name)).toEqual([
        { hash: a, atMs: 5 },
        { hash: loser, atMs: 3 },
        { hash: winner, atMs: 2 },
        { hash: a, atMs: 1 },
      ])
      for (const [bad, code] of [
        ['', 'ERR_USAGE'],
        ['\ud800', 'ERR_USAGE'],
        ['x'.repeat(257), 'ERR_LIMIT'],
      ] as const)
        await expect(tenant.nameDocument(bad, a, { atMs: 1 })).rejects.toMatchObject({ code })
    })

    test('shard store: names are listed in order with what they point at now, from a beginning on', async () => {
      const { tenant, store } = await opened()
      const [a, b] = [await put(tenant, 'a'), await put(tenant, 'b')]
      const names = ['policy/a', 'policy/b', 'policy', 'prompt/a b', 'prompt/a', 'promptly', 'größe']
      for (const name of names) await tenant.nameDocument(name, a, { atMs: 1 })
      await tenant.nameDocument('policy/b', b, { previous: a, atMs: 2 })
      const list = async (prefix: string) => (await tenant.listNames(prefix)).map(({ name }) => name)
      expect(await list('')).toEqual(names.toSorted())
      expect(await list('policy/')).toEqual(['policy/a', 'policy/b'])
      expect(await list('prompt/a ')).toEqual(['prompt/a b'])
      expect(await list('prompt')).toEqual(['prompt/a', 'prompt/a b', 'promptly'])
      expect(await list('q')).toEqual([])
      expect(await tenant.listNames('policy/b')).toEqual([{ name: 'policy/b', hash: b, atMs: 2 }])
      const other = store.forTenant('issuer:other')
      expect([await other.listNames(''), await other.listVersions('policy')]).toEqual([[], []])
      await expect(other.nameDocument('policy', a, { atMs: 1 })).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    })
  })
}
