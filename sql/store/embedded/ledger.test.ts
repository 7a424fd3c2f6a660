import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ledgerEntryOf } from '../compliance/money.ts'
import { openEmbeddedStore } from '../index.ts'
import type { LedgerCheck, LedgerEntry } from '../ledger-entry.ts'

let folder: string
let file: string
let entries: LedgerEntry[]
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-ledger-'))
  file = path.join(folder, 'shard.db')
  const store = await openEmbeddedStore({ path: file })
  entries = await store.forTenant('local:owner').appendLedger(['a', 'b', 'c', 'd'].map((name) => ledgerEntryOf(name)))
  await store.forTenant('another').appendLedger([ledgerEntryOf('x')])
  await store.close()
})
afterEach(() => rmSync(folder, { recursive: true }))

function change(...texts: string[]): void {
  const db = new DatabaseSync(file)
  try {
    for (const text of texts) db.exec(text)
  } finally {
    db.close()
  }
}

async function check(): Promise<LedgerCheck> {
  const store = await openEmbeddedStore({ path: file })
  try {
    return await store.forTenant('local:owner').checkLedger()
  } finally {
    await store.close()
  }
}

const copy = (columns: string, from = 'seq = 1') =>
  `ledger select tenant_id, ${columns} from ledger where tenant_id = 1 and ${from}`

test.for([
  'update ledger set at_ms = 0',
  'update ledger set tenant_id = 2 where seq = 4',
  'delete from ledger where seq = 4',
  'delete from ledger',
  'delete from tenant',
  `insert into ${copy('seq, kind, subject, body, fields, at_ms, previous, hash')}`,
  `insert or replace into ${copy('seq, kind, subject, body, fields, 0, previous, hash')}`,
  `insert or replace into ${copy('4, kind, subject, body, fields, at_ms, previous, hash', 'seq = 3')}`,
  `insert into ${copy('9, kind, subject, body, fields, at_ms, hash, hash', 'seq = 4')}`,
  `insert into ${copy('5, kind, subject, body, fields, at_ms, previous, hash', 'seq = 4')}`,
  `insert into ledger select 3, 1, kind, subject, body, fields, at_ms, hash, hash from ledger where tenant_id = 1 and seq = 1`,
])('embedded ledger: refuses %s', async (text) => {
  // Whoever opens the file: even without looking at foreign keys.
  const isOfTenant = text.endsWith('tenant')
  expect(() => change(`pragma foreign_keys = ${isOfTenant ? 'on' : 'off'}`, text)).toThrow(
    isOfTenant ? 'FOREIGN KEY' : /append-only|follows from the last/,
  )
  expect(await check()).toEqual({ entryCount: 4, head: entries[3]!.hash })
})

test.for([
  ['update ledger set at_ms = at_ms + 1 where seq = 2', 2, 'its hash is not that of its content'],
  [`update ledger set body = x'00' where seq = 4`, 4, 'its hash is not that of its content'],
  [`update ledger set fields = '{"due_wei":"1"}' where seq = 1`, 1, 'its hash is not that of its content'],
  [`update ledger set fields = null where seq = 3`, 3, 'its hash is not that of its content'],
  [`update ledger set kind = 'work' where seq = 2`, 2, 'its hash is not that of its content'],
  [`update ledger set subject = 'z' where seq = 2`, 2, 'its hash is not that of its content'],
  [`update ledger set hash = zeroblob(32) where seq = 2`, 2, 'its hash is not that of its content'],
  [`update ledger set previous = zeroblob(32) where seq = 2`, 2, 'it does not follow from the entry before it'],
  ['delete from ledger where seq = 2', 3, 'entry 2 is missing before it'],
  ['delete from ledger where seq = 1', 2, 'entry 1 is missing before it'],
  [
    'delete from ledger where seq = 2; update ledger set seq = seq - 1 where seq > 2',
    2,
    'it does not follow from the entry before it',
  ],
] as const)(
  'embedded ledger: somebody who removes the triggers, then runs "%s", is found out',
  async ([text, seq, reason]) => {
    const triggers = ['ledger_not_changed', 'ledger_not_removed', 'ledger_appended']
    change(...triggers.map((name) => `drop trigger ${name}`), `${text}`)
    expect(await check()).toEqual({
      entryCount: reason.includes('missing') ? seq - 2 : seq - 1,
      head: entries[(reason.includes('missing') ? seq - 2 : seq - 1) - 1]?.hash ?? new Uint8Array(32),
      damaged: { seq, reason },
    })
  },
)

test('embedded ledger: what was cut off at the end shows in the head', async () => {
  change('drop trigger ledger_not_removed', 'delete from ledger where seq = 4')
  expect(await check()).toEqual({ entryCount: 3, head: entries[2]!.hash })
})
