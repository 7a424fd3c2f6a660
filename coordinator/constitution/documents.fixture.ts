/** Documents in the settings of a tenant: as durable as these, for a store that keeps no documents of its own. */
import { HartonomousError } from '#protocol/errors.ts'
import type { DocumentStore } from '#sql/store/document.ts'
import type { TenantStore } from '#sql/store/index.ts'

interface Version {
  hash: string
  atMs: number
}

export function documentsOf(tenant: TenantStore): DocumentStore {
  const hexOf = (hash: Uint8Array) => Buffer.from(hash).toString('hex')
  const versionsOf = async (name: string) => ((await tenant.getSetting(`name/${name}`)) ?? []) as Version[]
  const rowOf = ({ hash, atMs }: Version) => ({ hash: Buffer.from(hash, 'hex'), atMs })
  return {
    putDocument: ({ hash, text }) => tenant.putSetting(`document/${hexOf(hash)}`, text),
    getDocument: async (hash) => (await tenant.getSetting(`document/${hexOf(hash)}`)) as string | undefined,
    nameDocument: async (name, hash, { previous, atMs }) => {
      const versions = await versionsOf(name)
      const expected = previous === undefined ? undefined : hexOf(previous)
      if (versions[0]?.hash !== expected)
        throw new HartonomousError('ERR_STORE_CONFLICT', { reason: 'another version' })
      await tenant.putSetting(`name/${name}`, [{ hash: hexOf(hash), atMs }, ...versions])
    },
    listVersions: async (name) => (await versionsOf(name)).map(rowOf),
    listNames: async () => [],
  }
}
