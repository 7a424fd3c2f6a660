import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ledgerEntryOf } from '../../compliance/money.ts'
import { modelIdOf, sampleModel } from '../../compliance/sample.ts'
import { openEmbeddedStore } from '../../index.ts'
import { runQuery } from './query.ts'

test('cookbook: each of its 16 recipes runs as it is written, and there are two dialects of each', async () => {
  const page = readFileSync(new URL('../../../../docs/guides/sql-cookbook.md', import.meta.url), 'utf8')
  const recipes = [...page.matchAll(/^## \d+\. (.+)\n\n```sql\n([\s\S]+?)```\n\n```tsql\n([\s\S]+?)```/gm)]
  expect(recipes).toHaveLength(16)
  const folder = mkdtempSync(join(tmpdir(), 'hart-cookbook-'))
  const path = join(folder, 'shard.db')
  const store = await openEmbeddedStore({ path })
  try {
    await store.forTenant('mine').putModel(sampleModel('one'))
    await store.forTenant('mine').putModel(sampleModel('two', { rootSeed: 'one', held: [0] }))
    const entries = ['one', 'one again', 'two'].map((subject) => ledgerEntryOf(subject))
    const [one, again] = entries
    again!.fields!['model_id'] = one!.fields!['model_id']!
    await store.forTenant('mine').appendLedger([...entries, ledgerEntryOf('spent', { kind: 'receipt-received' })])
    for (const [, title, sql] of recipes)
      expect(runQuery({ path, tenant: 'mine', sql: sql!, rowsMax: 100, peers: [] }), title).toHaveProperty('answer')
    const answers = new Map(
      recipes.map(([, title, sql]) => [title, runQuery({ path, tenant: 'mine', sql: sql!, rowsMax: 1000, peers: [] })]),
    )
    expect(answers.get('The same bytes in two models')).toMatchObject({ answer: { rows: { length: 5 } } })
    expect(answers.get('Models that are not complete yet')).toMatchObject({ answer: { rows: { length: 1 } } })
    expect(answers.get('What each model has earned')).toMatchObject({
      answer: {
        columns: ['model_id', 'receipts', 'hart'],
        rows: [
          [modelIdOf('one'), 2, 25],
          [modelIdOf('two'), 1, 12.5],
        ],
      },
    })
    expect(answers.get('Everything that follows a component')).toMatchObject({ answer: { columns: ['key', 'hops'] } })
  } finally {
    await store.close()
    rmSync(folder, { recursive: true })
  }
})
