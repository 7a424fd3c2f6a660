import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { batchesIn } from './batches.ts'
import { writerLock } from './executor.ts'
import { lintBatch } from './lint.ts'
import { migrationLock, migrationTexts } from './migrate.ts'
import { probeTexts } from './profile.ts'
import { parametersIn, renameParameters, tokensOf } from './tokens.ts'

const tenantTables = ['model']
const parameters = ['tenantId']
const good = 'SELECT model_id FROM shard.model WHERE tenant_id = @tenantId'

const bad: [what: string, text: string, problem: RegExp][] = [
  ['an open parenthesis', `${good} AND (1 = 1`, /\( is never closed/],
  ['a parenthesis too many', `${good})`, /\) closes nothing/],
  ['an open string', `${good} AND name = N'x`, /never closed/],
  ['an open name', `${good} AND [name = 1`, /never closed/],
  ['an open comment', `${good} /* x`, /never closed/],
  ['a BEGIN without END', `BEGIN ${good}`, /no END/],
  ['an END too many', `${good} END`, /END ends nothing/],
  ['a parameter that does not come', `${good} AND name = @name`, /@name is not declared/],
  ['a parameter that nobody reads', 'SELECT 1', /@tenantId is not used/],
  ['a variable that nobody reads', `DECLARE @x INT; ${good}`, /@x is not used/],
  ['a read of all tenants', 'SELECT @tenantId FROM shard.model', /names no tenant/],
  ['a second statement on all tenants', `${good}; DELETE FROM shard.model`, /names no tenant/],
  ['an insert without tenant', 'INSERT INTO shard.model(name) SELECT @tenantId', /names no tenant/],
  [
    'an insert behind an IF without tenant',
    `${good}; IF @@ROWCOUNT = 0 INSERT INTO shard.model(name) VALUES (1)`,
    /names no tenant/,
  ],
  ['the metric in the wrong place', `${good} AND VECTOR_DISTANCE(e, e, 'cosine') < 1`, /literal metric/],
  ['a metric from a parameter', `${good} AND VECTOR_DISTANCE(@tenantId, e, e) < 1`, /literal metric/],
  [
    'TOP_N with WITH APPROXIMATE',
    `SELECT TOP (5) WITH APPROXIMATE a FROM VECTOR_SEARCH(TOP_N = 9) WHERE b = @tenantId`,
    /42274/,
  ],
  [
    'a vector index of another form',
    `CREATE INDEX v USING VECTOR; CREATE VECTOR INDEX v ON t USING e; ${good}`,
    /CREATE VECTOR INDEX/,
  ],
  ['a MERGE without HOLDLOCK', `MERGE t USING s ON a = @tenantId WHEN MATCHED THEN DELETE;`, /without HOLDLOCK/],
  [
    'a MERGE without ;',
    `MERGE t WITH (HOLDLOCK) USING s ON a = @tenantId WHEN MATCHED THEN DELETE`,
    /does not end with ;/,
  ],
  [
    'a temporal graph table',
    `${good}; CREATE TABLE n(a INT) AS NODE WITH (SYSTEM_VERSIONING = ON)`,
    /cannot be temporal/,
  ],
  ['a procedure that leaves the server', `${good}; EXEC xp_cmdshell 'dir'`, /xp_cmdshell is not for us/],
  ['the same in brackets', `${good}; EXEC [xp_cmdshell] 'dir'`, /not for us/],
  ['FILESTREAM', `${good}; CREATE TABLE t(a VARBINARY(MAX) FILESTREAM)`, /FILESTREAM is not for us/],
  ['CLR', `${good}; CREATE ASSEMBLY a FROM 0x00`, /ASSEMBLY is not for us/],
  ['a built statement', `EXEC (N'DROP TABLE ' + @tenantId)`, /built text/],
  ['a statement from a parameter', 'EXEC (@tenantId)', /built text/],
  ['sp_executesql', 'EXEC sp_executesql @tenantId', /built text/],
]

describe('lint of T-SQL', () => {
  test('lint: what is right has no problem', () => {
    expect(lintBatch(good, { parameters, tenantTables })).toEqual([])
    const texts = [
      `INSERT INTO shard.model(a, tenant_id) VALUES (1, @tenantId)`,
      `SELECT 'a ( string'' with ]' AS [a ) name] FROM shard.model m WHERE m.tenant_id = @tenantId -- and ( a comment`,
      `SELECT CASE WHEN a = 1 THEN 2 ELSE 3 END FROM shard.model WHERE tenant_id = @tenantId`,
      `MERGE t WITH (HOLDLOCK) AS t USING s ON a = @tenantId WHEN MATCHED THEN DELETE;`,
      `CREATE VECTOR INDEX v ON shard.embedding (e) WITH (METRIC = 'cosine', TYPE = 'DiskANN'); SELECT @tenantId`,
      `SELECT TOP (5) WITH APPROXIMATE a FROM VECTOR_SEARCH(TABLE = t) WHERE tenant_id = @tenantId`,
      `SELECT VECTOR_DISTANCE('cosine', e, e) FROM t WHERE tenant_id = @tenantId`,
    ]
    for (const text of texts) expect(lintBatch(text, { parameters, tenantTables }), text).toEqual([])
  })

  test.for(bad)('lint: %s is caught', ([_, text, problem]) => {
    expect(lintBatch(text, { parameters, tenantTables }).join('\n')).toMatch(problem)
  })

  test('lint: all migrations, set-up scripts, probes and locks keep the rules', () => {
    let count = 0
    const expectClean = (name: string, text: string) => {
      expect(lintBatch(text, { parameters: parametersIn(text).filter(isGiven(text)) }), `${name}: ${text}`).toEqual([])
      count++
    }
    for (const folder of ['migrations', 'setup']) {
      const url = new URL(`./${folder}/`, import.meta.url)
      for (const file of readdirSync(url).filter((name) => name.endsWith('.sql'))) {
        for (const { text } of batchesIn(readFileSync(new URL(file, url), 'utf8'))) expectClean(file, text)
      }
    }
    for (const [name, text] of Object.entries({ ...probeTexts, ...migrationTexts })) expectClean(name, text)
    expectClean('the lock of the writer', writerLock.text)
    expectClean('the lock of a migration', migrationLock.text)
    expect(count).toBeGreaterThanOrEqual(40)
  })
})

/** Only the statement that records a migration takes parameters. */
function isGiven(text: string): (name: string) => boolean {
  return () => text === migrationTexts.record
}

test('tokens: strings, names, comments and numbers end where they end', () => {
  const text = `SELECT N'it''s', [a]]b], "c""d", 0xAF, 1.5, 1e18, @@ROWCOUNT, @x -- rest 'open\n/* [ ' */ <> x#1`
  expect(tokensOf(text).map((token) => token.text)).toEqual([
    ...[
      'SELECT',
      `N'it''s'`,
      ',',
      '[a]]b]',
      ',',
      '"c""d"',
      ',',
      '0xAF',
      ',',
      '1.5',
      ',',
      '1e18',
      ',',
      '@@ROWCOUNT',
      ',',
      '@x',
    ],
    ...[`-- rest 'open`, `/* [ ' */`, '<>', 'x#1'],
  ])
  expect(parametersIn(`DECLARE @a INT; SELECT @b, '@c', [@d], @b -- @e`)).toEqual(['b'])
  expect(renameParameters(`SELECT @a, '@a', @@ROWCOUNT, @ab`, (name) => `${name}_1`)).toBe(
    `SELECT @a_1, '@a', @@ROWCOUNT, @ab_1`,
  )
})
