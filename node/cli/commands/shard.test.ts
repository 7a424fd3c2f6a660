import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sampleModel } from '#sql/store/compliance/sample.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import { runCli } from '../run.ts'
import { commands } from './index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-shard-'))
  const store = await openEmbeddedStore({ path: join(folder, 'shard.db') })
  await store.forTenant('local:owner').putModel(sampleModel('a'))
  await store.close()
})
afterEach(() => rm(folder, { recursive: true, force: true }))

class Capture extends Writable {
  text = ''
  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.text += part.toString()
    done()
  }
}

async function hart(argv: string[], environment: Record<string, string> = {}) {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const status = await runCli(argv, {
    commands,
    environment: { HARTONOMOUS_DATA_DIR: folder, HARTONOMOUS_CONFIG: join(folder, 'config.json'), ...environment },
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    signal: new AbortController().signal,
  })
  return { status, stdout: stdout.text, stderr: stderr.text }
}

test('hart shard move: a copy has all rows, is not made twice, and not onto itself', async () => {
  const target = join(folder, 'copy.db')
  const { status, stdout } = await hart(['shard', 'move', '--to', target, '--json'])
  expect(status).toBe(0)
  const { tables } = JSON.parse(stdout) as { tables: { table: string; rows: number }[] }
  expect(tables.find(({ table }) => table === 'model')).toMatchObject({ rows: 1 })
  const store = await openEmbeddedStore({ path: target })
  expect(await store.forTenant('local:owner').getContent(sampleModel('a').modelId)).toEqual(sampleModel('a').content)
  await store.close()
  expect(await hart(['shard', 'move', '--to', target])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('a shard already'),
  })
  expect(await hart(['shard', 'move', '--to', join(folder, 'shard.db')])).toMatchObject({ status: 2 })
  expect(await hart(['shard', 'move'])).toMatchObject({ status: 2 })
  expect(await hart(['shard', 'move', '--to', 'postgres://h/d'])).toMatchObject({ status: 2 })
})

test('hart shard move: is refused while the node runs', async () => {
  // The parent is alive as long as this test.
  await writeFile(join(folder, 'node.lock'), String(process.ppid))
  const { status, stderr } = await hart(['shard', 'move', '--to', join(folder, 'copy.db')])
  expect([status, stderr]).toEqual([1, expect.stringContaining('running already')])
})

test('hart shard move: a server that is not there is told, the password is not', async () => {
  const environment = { HARTONOMOUS_STORAGE_PASSWORD: 'Hush-of-the-test-1' }
  const { status, stdout, stderr } = await hart(
    ['shard', 'move', '--to', 'mssql://hart@127.0.0.1:1/s?encrypt=false'],
    environment,
  )
  expect(status).toBe(1)
  expect(stderr).toContain('127.0.0.1')
  expect(stdout + stderr).not.toContain('Hush')
  const inUrl = await hart(['shard', 'move', '--to', 'mssql://hart:Hush1@127.0.0.1:1/s'])
  expect(inUrl.status).toBe(2)
  expect(inUrl.stdout + inUrl.stderr).not.toContain('Hush')
})

test('hart shard setup: lists the parts, prints their scripts for sqlcmd, and wants SQL Server to run them', async () => {
  const { stdout } = await hart(['shard', 'setup', '--json'])
  const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)
  expect(names).toEqual(['snapshot', 'policy', 'graph', 'vectors', 'console'])
  for (const name of names) {
    const { stdout: script } = await hart(['shard', 'setup', name, '--print'])
    expect(script, name).toMatch(/\nGO\n$/)
    expect(script, name).not.toContain('--/')
  }
  expect(await hart(['shard', 'setup', 'policy'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('storage.url'),
  })
  expect(await hart(['shard', 'setup', 'magic'])).toMatchObject({ status: 2 })
})
