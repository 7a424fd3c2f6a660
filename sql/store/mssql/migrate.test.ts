import { describe, expect, test } from 'vitest'
import { type Migration, migrationSha256 } from '../migrations.ts'
import { batchesFor, batchesIn } from './batches.ts'
import type { Batch } from './connection.ts'
import { recordingConnection, serverError } from './fixtures/recording.ts'
import { migrateDatabase, migrationLock, migrationTexts, readMigrations } from './migrate.ts'

const migrations: Migration[] = [
  {
    id: 1,
    name: 'one',
    text: '--/ batch\nCREATE SCHEMA shard\n--/ batch\nCREATE TABLE shard.schema_migration(id INT)',
  },
  { id: 2, name: 'two', text: '--/ batch if temporal\nTEMPORAL\n--/ batch unless temporal\nPLAIN' },
]

/** A server that keeps what is recorded; `found` is what it has at first. */
function server(found: { id: number; sha256: string }[] = [], state = found.length > 0 ? 'ours' : 'none') {
  const rows = found.map(({ id, sha256 }) => ({ id: String(id), sha256 }))
  const recording = recordingConnection(({ text, parameters }: Batch) => {
    if (text === migrationTexts.exists) return { rows: [{ answer: rows.length > 0 ? 'ours' : state }] }
    if (text === migrationTexts.list) return { rows }
    if (text === migrationTexts.record)
      rows.push({ id: String(parameters['id']!.value), sha256: String(parameters['sha256']!.value) })
    return undefined
  })
  return { ...recording, rows }
}
const questions: readonly string[] = [migrationTexts.exists, migrationTexts.list]
const deeds = (log: readonly string[]) => log.filter((text) => !questions.includes(text))

describe('migrations of SQL Server', () => {
  test('T-SQL migrations: a new database gets all of them, each in a transaction under the lock', async () => {
    const { connection, log, rows } = server()
    expect(await migrateDatabase(connection, migrations, { hasTemporal: true }, 1)).toEqual([1, 2])
    const wrap = (...texts: string[]) => [
      'begin readCommitted',
      migrationLock.text,
      ...texts,
      migrationTexts.record,
      'commit',
    ]
    expect(deeds(log)).toEqual([
      ...wrap('CREATE SCHEMA shard', 'CREATE TABLE shard.schema_migration(id INT)'),
      ...wrap('TEMPORAL'),
    ])
    expect(rows.map(({ sha256 }) => sha256)).toEqual(migrations.map(migrationSha256))
    log.length = 0
    expect(await migrateDatabase(connection, migrations, { hasTemporal: true }, 1)).toEqual([])
    expect(deeds(log)).toEqual([])
  })

  test('T-SQL migrations: what the server cannot do is left out', async () => {
    const { connection, log } = server()
    await migrateDatabase(connection, migrations, { hasTemporal: false }, 1)
    expect(log).toContain('PLAIN')
    expect(log).not.toContain('TEMPORAL')
  })

  test('T-SQL migrations: another process that is faster leaves nothing to do', async () => {
    const { connection, log, rows } = server()
    const begin = connection.begin.bind(connection)
    connection.begin = async (isolation) => {
      for (const migration of migrations.slice(rows.length))
        rows.push({ id: String(migration.id), sha256: migrationSha256(migration) })
      return begin(isolation)
    }
    expect(await migrateDatabase(connection, migrations, { hasTemporal: true }, 1)).toEqual([])
    expect(deeds(log)).toEqual(['begin readCommitted', migrationLock.text, 'commit'])
  })

  const [one, two] = migrations.map((migration) => ({ id: migration.id, sha256: migrationSha256(migration) }))
  test.for([
    ['a newer database', [one!, two!, { id: 3, sha256: 'x' }], 'ours', 3],
    ['a changed text', [{ id: 1, sha256: 'x' }], 'ours', 1],
    ['a hole', [two!], 'ours', 2],
    ['a schema of another program', [], 'foreign', 0],
  ] as const)('T-SQL migrations: %s is refused, and nothing is done', async ([_, found, state, id]) => {
    const { connection, log } = server([...found], state)
    await expect(migrateDatabase(connection, migrations, { hasTemporal: true }, 1)).rejects.toMatchObject({
      code: 'ERR_STORE_MIGRATION',
      fields: { id },
    })
    expect(deeds(log)).toEqual([])
  })

  test('T-SQL migrations: one that fails is rolled back and named; a full disk is called that', async () => {
    for (const [number, code] of [
      [2714, 'ERR_STORE_MIGRATION'],
      [1105, 'ERR_STORE_FULL'],
      [51_222, 'ERR_STORE_CONFLICT'],
    ] as const) {
      const recording = recordingConnection(({ text }) => {
        if (text.startsWith('CREATE TABLE')) throw serverError(number)
        return undefined
      })
      const done = migrateDatabase(recording.connection, migrations, { hasTemporal: true }, 1)
      await expect(done).rejects.toMatchObject({ code })
      expect(recording.log.at(-1)).toBe('rollback')
      expect(recording.log).not.toContain('commit')
    }
  })

  test('T-SQL migrations: ours are numbered, make one object each, and may run again', () => {
    const ours = readMigrations()
    expect(ours.length).toBeGreaterThan(10)
    for (const { name, text } of ours) {
      const created = [...text.matchAll(/^CREATE TABLE shard\.(\w+)/gm)].map((match) => match[1])
      expect(new Set(created).size, name).toBeLessThanOrEqual(1)
      for (const batch of batchesIn(text)) {
        const isGuarded = /^(?:--.*\n)*IF /.test(batch.text) || batch.text.startsWith('CREATE TRIGGER')
        expect(isGuarded, `${name}: ${batch.text}`).toBe(true)
      }
    }
  })
})

describe('batches of a script', () => {
  test('scripts: markers cut, conditions choose, remarks alone are nothing', () => {
    const script =
      '-- about\n--/ batch\nA;\nB\n--/ batch if temporal\nC\n--/ batch unless temporal\nD\n--/ batch\n-- end\n'
    expect(batchesFor(script, { temporal: true })).toEqual(['A;\nB', 'C'])
    expect(batchesFor(script, { temporal: false })).toEqual(['A;\nB', 'D'])
  })

  test('scripts: GO, an unknown capability and a marker that is none are refused', () => {
    for (const bad of ['A\nGO\nB', '--/ batch if magic\nA', '--/ batsh\nA', '--/ batch maybe temporal\nA'])
      expect(() => batchesIn(bad), bad).toThrowError(expect.objectContaining({ code: 'ERR_STORE_MIGRATION' }))
  })
})
