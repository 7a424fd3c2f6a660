import { expect, test } from 'vitest'
import { tableNames } from '../statements.ts'
import { vectorTableNames } from '../vector-statements.ts'
import { setupScript } from './index.ts'

/** `table` -> what is asked of its rows. */
function predicatesIn(script: string): Map<string, string[]> {
  const pattern = /ADD (FILTER|BLOCK) PREDICATE shard\.tenant_predicate\(tenant_id\) ON shard\.(\w+)( AFTER \w+)?/g
  const found = new Map<string, string[]>()
  for (const [, kind, table, when = ''] of script.matchAll(pattern))
    found.set(table!, [...(found.get(table!) ?? []), `${kind}${when}`])
  return found
}

test('set-up of SQL Server: the policy is on every table of tenants, whichever was set up first', () => {
  const whole = ['FILTER', 'BLOCK AFTER INSERT', 'BLOCK AFTER UPDATE']
  const policy = predicatesIn(setupScript('policy'))
  const tables = tableNames.filter((name) => name !== 'tenant' && name !== 'shard')
  expect([...policy.keys()].toSorted()).toEqual([...tables, ...vectorTableNames].toSorted())
  // The server, or a trigger of ours, writes the history.
  for (const table of tables)
    expect(policy.get(table), table).toEqual(table === 'component_history' ? ['FILTER'] : whole)
  const vectors = predicatesIn(setupScript('vectors'))
  expect([...vectors.keys()].toSorted()).toEqual(vectorTableNames.toSorted())
  for (const table of vectorTableNames) expect([vectors.get(table), policy.get(table)], table).toEqual([whole, whole])
})
