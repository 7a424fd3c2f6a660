import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openEmbeddedStore } from '#sql/store/index.ts'
import { resolveConfig } from '../config/index.ts'
import { openNodeConsole } from './console.ts'

const { signal } = new AbortController()
const request = { sql: 'select count(*) as models from model' }
const nobody = async () => []

test('console of a node: asks its own database where no other is configured', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hart-node-console-'))
  await (await openEmbeddedStore({ path: join(folder, 'shard.db') })).close()
  const { config } = resolveConfig({}, {}, {})
  const answer = await openNodeConsole(config, folder, {}, nobody).run(request, signal)
  expect(answer).toMatchObject({ columns: ['models'], rows: [[0]] })
  await rm(folder, { recursive: true })
})

test('console of a node: on SQL Server it never uses the user of the node', async () => {
  const file = { 'storage.url': 'mssql://hart@127.0.0.1:1/shard?encrypt=false' }
  const environment = { HARTONOMOUS_STORAGE_PASSWORD: 'Hush1' }
  const refused = openNodeConsole(resolveConfig({}, {}, file).config, '/d', environment, nobody)
  await expect(refused.run(request, signal)).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    fields: { key: 'storage.consoleUrl' },
  })
  const consoleUrl = 'mssql://hart_reader@127.0.0.1:1/shard?encrypt=false'
  const { config } = resolveConfig({}, {}, { ...file, 'storage.consoleUrl': consoleUrl })
  const keyless = openNodeConsole(config, '/d', environment, nobody)
  await expect(keyless.run(request, signal)).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    fields: { key: 'storage.consolePasswordFile' },
  })
  const own = { ...environment, HARTONOMOUS_STORAGE_CONSOLE_PASSWORD: 'Hush2' }
  const console = openNodeConsole(config, '/d', own, nobody)
  await expect(console.run(request, signal)).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
})
