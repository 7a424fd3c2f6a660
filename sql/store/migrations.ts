/** Numbered, forward-only migrations, each recorded with the SHA-256 of its text: what all engines do alike. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { HartonomousError } from '#protocol/errors.ts'

export interface Migration {
  id: number
  name: string
  text: string
}

export interface AppliedMigration {
  id: number
  sha256: string
}

const fileNamePattern = /^(\d{4})-([a-z0-9-]+)\.sql$/

/** The migrations in a folder, `0001-name.sql` and on, without a hole. */
export function readMigrations(folder: URL): Migration[] {
  const migrations = readdirSync(folder)
    .flatMap((file) => {
      const match = fileNamePattern.exec(file)
      // Line ends as in the repository, whatever a checkout made of them: the hash must not depend on it.
      const text = () => readFileSync(new URL(file, folder), 'utf8').replaceAll('\r\n', '\n')
      return match === null ? [] : [{ id: Number(match[1]), name: match[2]!, text: text() }]
    })
    .sort((a, b) => a.id - b.id)
  migrations.forEach(({ id }, index) => {
    if (id !== index + 1)
      throw new HartonomousError('ERR_STORE_MIGRATION', { id, reason: `number ${index + 1} is missing` })
  })
  return migrations
}

export function migrationSha256(migration: Migration): string {
  return createHash('sha256').update(migration.text).digest('hex')
}

/** What a database lacks. @throws {ERR_STORE_MIGRATION} when it is newer, or was made by other texts. */
export function pendingOf(applied: readonly AppliedMigration[], migrations: readonly Migration[]): Migration[] {
  for (const { id, sha256 } of applied) {
    const known = migrations.find((migration) => migration.id === id)
    if (known === undefined) {
      const reason = `the database has it, this version knows ${migrations.length} only`
      throw new HartonomousError('ERR_STORE_MIGRATION', { id, reason })
    }
    if (migrationSha256(known) !== sha256) {
      const reason = `the database was made by another text of ${known.name}`
      throw new HartonomousError('ERR_STORE_MIGRATION', { id, reason })
    }
  }
  const last = applied.at(-1)?.id ?? 0
  if (applied.length !== last)
    throw new HartonomousError('ERR_STORE_MIGRATION', { id: last, reason: 'earlier ones are missing' })
  return migrations.filter(({ id }) => id > last)
}
