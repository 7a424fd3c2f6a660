/** Parts of a shard in SQL Server that somebody may want or not, made by scripts that cannot be migrations. */
import { readFileSync } from 'node:fs'
import { HartonomousError } from '#protocol/errors.ts'
import { batchesFor } from '../batches.ts'
import { type Connection, plainBatch } from '../connection.ts'
import { storeErrorOf } from '../errors.ts'
import type { MssqlProfile } from '../profile.ts'

interface SetupStep {
  what: string
  /** Why the server cannot have it; `undefined` where it can. */
  obstacle: (profile: MssqlProfile) => string | undefined
}

const isBabelfish = ({ product }: MssqlProfile) => (product === 'Babelfish' ? 'Babelfish lacks it' : undefined)

export const setupSteps = {
  snapshot: { what: 'readers see one state without waiting for writers', obstacle: isBabelfish },
  policy: {
    what: 'a row-level policy keeps tenants apart a second time',
    obstacle: (profile) => (profile.hasRowLevelSecurity ? undefined : 'the server has no security policies'),
  },
  graph: {
    what: 'components and edges as graph tables, for MATCH',
    obstacle: (profile) =>
      profile.hasGraph ? undefined : 'the server has no graph tables, or this user may not make any',
  },
  vectors: {
    what: 'the server measures vectors itself, for exact and filtered searches',
    obstacle: (profile) => (profile.hasVectorType ? undefined : 'the server has no type VECTOR'),
  },
  console: { what: 'the documented views, for a user of hart sql that sees nothing else', obstacle: isBabelfish },
} as const satisfies Record<string, SetupStep>

export type SetupName = keyof typeof setupSteps
export const setupNames = Object.keys(setupSteps) as SetupName[]

/** For a person who wants to read it, or to run it with sqlcmd: batches end with GO there. */
export function setupScript(name: SetupName): string {
  return `${batchesOfStep(name).join('\nGO\n')}\nGO\n`
}

/** Of a migrated database. Outside of transactions: some of it is not allowed in one. @throws {ERR_USAGE} ERR_STORE_… */
export async function runSetup(connection: Connection, profile: MssqlProfile, name: SetupName): Promise<void> {
  const obstacle = setupSteps[name].obstacle(profile)
  if (obstacle !== undefined)
    throw new HartonomousError('ERR_USAGE', { message: `${name} cannot be set up: ${obstacle}` })
  try {
    for (const text of batchesOfStep(name)) await connection.query(plainBatch(text))
  } catch (error) {
    const known = storeErrorOf(error)
    if (known !== error) throw known
    const reason = `the set-up of ${name} failed: ${error instanceof Error ? error.message : String(error)}`
    throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason }, { cause: error })
  }
}

function batchesOfStep(name: SetupName): string[] {
  const text = readFileSync(new URL(`./${name}.sql`, import.meta.url), 'utf8').replaceAll('\r\n', '\n')
  return batchesFor(text, { temporal: true })
}
