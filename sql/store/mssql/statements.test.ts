import { expect, test } from 'vitest'
import type { StatementName } from '../statements.ts'
import { MssqlExecutor } from './executor.ts'
import { type FieldName, type FieldType, fieldTypes } from './fields.ts'
import { recordingConnection } from './fixtures/recording.ts'
import { plainProfile } from './fixtures/transcribed.ts'
import { lintBatch } from './lint.ts'
import type { MssqlProfile } from './profile.ts'
import { statementNames, statementOf, tableNames } from './statements.ts'
import { parametersIn } from './tokens.ts'
import { vectorTableNames } from './vector-statements.ts'

const shared: readonly StatementName[] = ['findTenant', 'insertTenant', 'listTenants', 'countRows', 'takeRevs']
const ofNoTenant: readonly string[] = ['tenant', 'shard']
const tenantTables = [...tableNames.filter((name) => !ofNoTenant.includes(name)), ...vectorTableNames]
const profiles: Record<string, MssqlProfile> = {
  temporal: { ...plainProfile, hasHistory: 'temporal', hasTemporal: true },
  babelfish: { ...plainProfile, product: 'Babelfish', hasSnapshot: false },
  policy: { ...plainProfile, hasHistory: 'temporal', hasTemporal: true, hasPolicy: true },
}
const samples: Record<FieldType, unknown> = {
  integer: 2 ** 53 - 1,
  text: 'ends in a space ',
  texts: '["a","b "]',
  glob: 'a*b?[c]_%\\',
  json: '[1,2]',
  bytes: new Uint8Array([0, 255]),
}

function sampleOf(name: StatementName, profile: MssqlProfile): never {
  const text = statementOf(name, profile) ?? ''
  const given = parametersIn(text).map((field) => [field, samples[fieldTypes[field as FieldName]]])
  return Object.fromEntries([...given, ...(text.includes('{size}') ? [['size', 384]] : [])]) as never
}

test.for(Object.entries(profiles))(
  'T-SQL: what reaches a server of the profile %s is the text that was agreed upon',
  async ([name, profile]) => {
    const { connection, batches } = recordingConnection()
    const executor = new MssqlExecutor(connection, profile, { migrations: [] })
    let text = ''
    for (const statement of statementNames) {
      batches.length = 0
      await executor.transaction('read', (session) => session.all(statement, sampleOf(statement, profile)))
      const values = batches.flatMap(({ parameters }) =>
        Object.entries(parameters).map(([field, { type, value }]) => {
          const shown = value instanceof Uint8Array ? `0x${Buffer.from(value).toString('hex')}` : JSON.stringify(value)
          return `-- @${field} ${type} = ${shown}`
        }),
      )
      text += [`-- ${statement}`, ...values, batches[0]?.text ?? '-- (the server does it by itself)', ''].join('\n')
      text += '\n'
    }
    await expect(text).toMatchFileSnapshot(`./fixtures/statements-${name}.sql`)
  },
)

test('T-SQL: every statement keeps the rules, and all but the shared ones name the tenant', () => {
  for (const name of statementNames) {
    const text = statementOf(name, plainProfile)!.replaceAll('{size}', '384')
    const parameters = parametersIn(text)
    const problems = lintBatch(text, { parameters, tenantTables: shared.includes(name) ? [] : tenantTables })
    expect(problems, name).toEqual([])
    expect(parameters.includes('tenantId'), name).toBe(!shared.includes(name))
    expect(
      parameters.filter((field) => !Object.hasOwn(fieldTypes, field)),
      name,
    ).toEqual([])
  }
})
