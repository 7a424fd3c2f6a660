import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveConfig, storageOf } from './index.ts'
import { consoleStorageOf } from './storage.ts'

const url = 'mssql://hart@db:1433/shard'

test('storage: empty is the file in the data folder, a URL is SQL Server with a password from the environment', async () => {
  expect(await storageOf(resolveConfig({}, {}, {}).config, '/d', {})).toEqual({ path: '/d/shard.db' })
  const { config } = resolveConfig({}, {}, { 'storage.url': url, 'storage.passwordFile': '/nowhere' })
  const environment = { HARTONOMOUS_STORAGE_PASSWORD: 'Hush1' }
  expect(await storageOf(config, '/d', environment)).toEqual({
    url,
    password: 'Hush1',
    vectorsFolder: '/d/shard-server-vectors',
  })
})

test('storage: a password file is read without its line end, and refused where others may read it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hart-storage-'))
  const file = join(folder, 'password')
  await writeFile(file, 'Hush 2 \n', { mode: 0o600 })
  const { config } = resolveConfig({}, {}, { 'storage.url': url, 'storage.passwordFile': file })
  expect(await storageOf(config, '/d', {})).toMatchObject({ url, password: 'Hush 2 ' })
  if (process.platform !== 'win32') {
    await chmod(file, 0o640)
    await expect(storageOf(config, '/d', {})).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  }
  await rm(folder, { recursive: true })
  await expect(storageOf(config, '/d', {})).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})

test('storage: no password, or one in the URL, is refused without being repeated', async () => {
  const { config } = resolveConfig({}, {}, { 'storage.url': url })
  await expect(storageOf(config, '/d', {})).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  const set = () => resolveConfig({}, { HARTONOMOUS_STORAGE_URL: 'mssql://hart:Hush1@db/shard' }, {})
  expect(set).toThrow(/storage\.url: a password does not belong/)
  expect(set).not.toThrow(/Hush1/)
})

test('storage: the user of hart sql has a URL and a password of its own', async () => {
  const consoleUrl = 'mssql://hart_reader@db:1433/shard'
  const { config } = resolveConfig({}, {}, { 'storage.url': url, 'storage.consoleUrl': consoleUrl })
  const environment = { HARTONOMOUS_STORAGE_PASSWORD: 'Hush1', HARTONOMOUS_STORAGE_CONSOLE_PASSWORD: 'Hush2' }
  expect(await consoleStorageOf(config, environment)).toEqual({ url: consoleUrl, password: 'Hush2' })
  expect(await consoleStorageOf(resolveConfig({}, {}, {}).config, environment)).toBeUndefined()
  await expect(consoleStorageOf(config, { HARTONOMOUS_STORAGE_PASSWORD: 'Hush1' })).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    fields: { key: 'storage.consolePasswordFile' },
  })
})
