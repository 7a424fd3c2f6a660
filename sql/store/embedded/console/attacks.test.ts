import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shardViews } from '../../../console/index.ts'
import { sampleModel } from '../../compliance/sample.ts'
import { openEmbeddedStore } from '../../index.ts'
import type { ShardStore } from '../../types.ts'
import { runQuery } from './query.ts'

const theirModel = sampleModel('theirs')

describe('console, attacked', () => {
  let folder: string
  let path: string
  let store: ShardStore
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hart-console-'))
    path = join(folder, 'shard.db')
    store = await openEmbeddedStore({ path })
    await store.forTenant('mine').putModel(sampleModel('mine'))
    await store.forTenant('theirs').putModel(theirModel)
    await store.forTenant('theirs').putSetting('secret', 'hunter2')
  })
  afterAll(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })

  const reply = (sql: string) => runQuery({ path, tenant: 'mine', sql, rowsMax: 10_000, peers: [] })
  const refused = (sql: string) => expect(reply(sql), sql).toMatchObject({ error: { code: 'ERR_QUERY_INVALID' } })

  test('reads no table beneath the views, by whatever name', () => {
    for (const sql of [
      'select * from main.model',
      'select * from MAIN.MODEL',
      'select count(*) from main.model',
      'select count(*) from tenant',
      'select count(*) from TENANT',
      'select 1 from tenant t',
      'select name from tenant',
      'select * from setting',
      'select * from main.setting',
      'select * from "setting"',
      'select count(*) from outbox',
      'select body from ledger',
      'select count(*) from main.ledger',
      'select * from chain_event',
      'select count(*) from component_history',
      'select rowid from main.component',
      'select exists(select 1 from leaf)',
      'select * from model where model_id in (select model_id from main.model)',
      'select (select value from setting limit 1)',
    ])
      refused(sql)
  })

  test('is not deceived by a common table expression, a subquery or an alias with the name of a view', () => {
    for (const name of [...shardViews.map((view) => view.name), 'inner_model', 'inner'])
      refused(`with "${name}" as (select * from main.setting) select * from "${name}"`)
    refused('with model as (select * from main.model) select * from model')
    refused('with model as (select count(*) as n from tenant) select n from model')
    refused('select * from (select * from main.component) as component')
    refused('select * from main.component as component')
    refused(
      'with recursive component(key) as (select key from main.component union select key from component) select key from component',
    )
  })

  test('shows neither the schema nor anything of the engine', () => {
    for (const sql of [
      'select * from sqlite_schema',
      'select count(*) from sqlite_master',
      'select count(*) from main.sqlite_schema',
      'select * from sqlite_temp_schema',
      'select count(*) from temp.sqlite_temp_master',
      'select * from sqlite_sequence',
      'select count(*) from sqlite_sequence',
      "select * from pragma_table_info('model')",
      'select count(*) from pragma_table_list',
      'select * from pragma_database_list',
      'select * from dbstat',
      'select count(*) from sqlite_stmt',
      'pragma table_list',
      'pragma query_only = off',
      'pragma hard_heap_limit = 0',
      'select sqlite_compileoption_get(0)',
      'select sqlite_source_id()',
      'select sqlite_version()',
      'select last_insert_rowid()',
    ])
      refused(sql)
  })

  test('writes nothing, and opens nothing', () => {
    const before = readFileSync(path)
    const elsewhere = join(folder, 'elsewhere.db')
    for (const sql of [
      "insert into model values('x')",
      'delete from model',
      'delete from main.model',
      "update main.setting set value = '1'",
      'drop view model',
      'drop table main.model',
      'create table t(a)',
      'create temp table t(a)',
      'create temp view v as select * from main.setting',
      'create temp trigger t instead of insert on model begin select 1; end',
      'alter table main.model rename to m',
      'create virtual table t using fts5(a)',
      'reindex',
      'analyze',
      'vacuum',
      `vacuum into '${elsewhere}'`,
      `attach '${elsewhere}' as other`,
      `attach ':memory:' as other`,
      'detach main',
      'begin immediate',
      'savepoint s',
      'release s',
      `select load_extension('${elsewhere}')`,
      `select readfile('/etc/passwd')`,
      `select writefile('${elsewhere}', 'x')`,
      `select fts3_tokenizer('simple')`,
      `select edit('x')`,
      'with t as (select 1) delete from main.model',
      'with t as (select 1) insert into main.setting select 1, 2, 3 returning *',
    ])
      refused(sql)
    expect(existsSync(elsewhere)).toBe(false)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('tells a query nothing by which the next one could name the inner views', () => {
    const told = ['explain', 'explain query plan'].map((word) => JSON.stringify(reply(`${word} select * from holding`)))
    const inner = /inner_[0-9a-f]{32}_\w+/.exec(told.join())?.[0] ?? 'inner_00_model'
    refused(`select * from ${inner}`)
    refused(`with ${inner} as (select * from main.setting) select * from ${inner}`)
  })

  test('never shows anything of another tenant, whatever is put together from views and functions', () => {
    const view = fc.constantFrom(...shardViews)
    const query = fc.tuple(view, view, fc.nat(), fc.boolean()).map(([left, right, at, isUnion]) => {
      const column = left.columns[at % left.columns.length]!.name
      const twin = right.columns[at % right.columns.length]!.name
      return isUnion
        ? `select cast(${column} as text) from ${left.name} union select cast(${twin} as text) from ${right.name}`
        : `select l.${column}, r.${twin} from ${left.name} l left join ${right.name} r on l.rowid is not r.rowid or true`
    })
    fc.assert(
      fc.property(query, (sql) => {
        const told = JSON.stringify(reply(sql))
        expect(told).not.toContain(theirModel.modelId)
        expect(told).not.toContain('hunter2')
      }),
      { numRuns: 300 },
    )
  })
})
