import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from './database.ts'
import { EmbeddedExecutor } from './executor.ts'
import { openEmbeddedStore } from './index.ts'
import { type Migration, readMigrations } from './migrate.ts'
import { tableNames } from './statements.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-migrate-'))
  file = path.join(folder, 'shard.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const first = readMigrations()
const second: Migration = { id: first.length + 1, name: 'next', text: 'create table next(a integer) strict' }

async function migrate(migrations: Migration[]): Promise<number[]> {
  const executor = new EmbeddedExecutor(await openDatabase({ path: file }), { migrations })
  try {
    return (await executor.migrate()).applied
  } finally {
    await executor.close()
  }
}

/** Looks into the file beside the store. */
function query(sql: string, path = file): unknown[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

test('migrations: run once, are recorded with their hash, and leave exactly the known tables', async () => {
  expect(await migrate(first)).toEqual(first.map(({ id }) => id))
  expect(await migrate(first)).toEqual([])
  const tables = query(`select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'`)
  expect(tables.map((row) => (row as { name: string }).name).sort()).toEqual([...tableNames, 'schema_migration'].sort())
  expect(query("select id, name, length(sha256) as n, engine_version > '3' as v from schema_migration")).toEqual(
    first.map(({ id, name }) => ({ id, name, n: 64, v: 1 })),
  )
  expect(readdirSync(folder).filter((name) => name.includes('before'))).toEqual([])
})

test('migrations: the next one runs after a whole copy was made', async () => {
  await migrate(first)
  const store = await openEmbeddedStore({ path: file })
  await store.forTenant('a:b').putSetting('kept', 1)
  await store.close()
  expect(await migrate([...first, second])).toEqual([second.id])
  const copy = path.join(folder, `shard.db.before-000${second.id}`)
  expect(query('select value from setting', copy)).toEqual([{ value: '1' }])
  expect(query('select value from setting')).toEqual([{ value: '1' }])
  expect(() => query('select * from next', copy)).toThrow('no such table')
  expect(query('select * from next')).toEqual([])
  expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([])
})

test('migrations: one that fails leaves the database as it was, and can be tried again', async () => {
  await migrate(first)
  const broken = { ...second, text: 'create table next(a integer) strict; insert into nowhere values(1)' }
  await expect(migrate([...first, broken])).rejects.toMatchObject({
    code: 'ERR_STORE_MIGRATION',
    fields: { id: second.id, reason: expect.stringContaining('nowhere') },
  })
  expect(query(`select count(*) as n from sqlite_schema where name = 'next'`)).toEqual([{ n: 0 }])
  expect(await migrate([...first, second])).toEqual([second.id])
})

test('migrations: a newer database, a changed text and a foreign file are refused unharmed', async () => {
  await migrate([...first, second])
  await expect(migrate(first)).rejects.toMatchObject({ code: 'ERR_STORE_MIGRATION', fields: { id: second.id } })
  const changed = { ...second, text: `${second.text} -- changed` }
  await expect(migrate([...first, changed])).rejects.toMatchObject({
    code: 'ERR_STORE_MIGRATION',
    fields: { id: second.id },
  })
  expect(await migrate([...first, second])).toEqual([])

  file = path.join(folder, 'foreign.db')
  const foreign = new DatabaseSync(file)
  foreign.exec('create table photos(a); insert into photos values(1)')
  foreign.close()
  await expect(openEmbeddedStore({ path: file })).rejects.toMatchObject({
    code: 'ERR_STORE_MIGRATION',
    fields: { id: 0 },
  })
  expect(query('select name from sqlite_schema')).toEqual([{ name: 'photos' }])
})

test('migrations: files are read in order, with unix line ends, and a hole is an error', () => {
  const url = pathToFileURL(`${folder}/`)
  writeFileSync(path.join(folder, '0002-b.sql'), 'b')
  writeFileSync(path.join(folder, 'README.md'), '')
  expect(() => readMigrations(url)).toThrowError(expect.objectContaining({ code: 'ERR_STORE_MIGRATION' }))
  writeFileSync(path.join(folder, '0001-a.sql'), 'a\r\na\r\n')
  expect(readMigrations(url)).toEqual([
    { id: 1, name: 'a', text: 'a\na\n' },
    { id: 2, name: 'b', text: 'b' },
  ])
})

test('migrations: processes that start at once make one database, and each can write', async () => {
  const migrator = path.join(import.meta.dirname, 'fixtures/migrator.ts')
  for (let round = 0; round < 2; round++) {
    file = path.join(folder, `round-${round}.db`)
    const atMs = String(Date.now() + 1500)
    const run = promisify(execFile)
    const children = await Promise.all([0, 1, 2].map(() => run(process.execPath, [migrator, file, atMs])))
    const applied = children.flatMap(({ stdout }) => JSON.parse(stdout) as number[])
    // Each does what it finds undone.
    expect(applied.sort((a: number, b: number) => a - b)).toEqual(first.map(({ id }) => id))
    expect(query('select count(*) as n from setting')).toEqual([{ n: 3 }])
    expect(query('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  }
  expect(existsSync(`${file}.before-0001`)).toBe(false)
}, 30_000)
