import { expect, test } from 'vitest'
import { HartonomousError } from '#protocol/errors.ts'
import { decisionsQueuedMax, ledgerEntriesPerAppendMax } from '#protocol/limits.ts'
import { type LedgerAppend, openEmbeddedStore, type TenantStore } from '#sql/store/index.ts'
import { type AuditEntry, auditEntryOf } from './audit-entry.ts'
import { AuditLog } from './audit-log.ts'
import { decide } from './decision.ts'
import { defaultText } from './default.ts'
import { constitutionOf } from './policy-set.ts'
import { person, requestOf } from './sample.fixture.ts'

const shipped = constitutionOf(defaultText())

function entryOf(n: number): AuditEntry {
  const request = requestOf('pull', { ...person('owner'), tenant: `tenant ${n}` })
  return auditEntryOf('cedar', request, decide(shipped, request))
}

async function withLog(
  work: (log: AuditLog, ledger: TenantStore, appended: number[], store: { isDown: boolean }) => Promise<void>,
) {
  const store = await openEmbeddedStore({ path: ':memory:' })
  const ledger = store.forTenant('local:audit')
  const appended: number[] = []
  const state = { isDown: false }
  // The real ledger, with a line to it that can be cut: before the append, as a database that does not answer.
  const appendLedger = async (entries: LedgerAppend[], options?: { isUnique?: boolean }) => {
    if (state.isDown) throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'cut' })
    appended.push(entries.length)
    return ledger.appendLedger(entries, options)
  }
  const log = new AuditLog({ ledger: { appendLedger }, now: () => 1, batchMs: 10_000_000, retryMs: 5 })
  try {
    await work(log, ledger, appended, state)
  } finally {
    await store.close()
  }
}

async function tenantsOf(ledger: TenantStore): Promise<number[]> {
  const entries = await ledger.listLedger({ limit: 1000 })
  return entries.map(({ fields }) => Number(String(fields?.['tenant']).split(' ')[1]))
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

test('audit log: what somebody waits for is durable, with all before it, in order and in few transactions', async () => {
  await withLog(async (log, ledger, appended) => {
    const count = 2 * ledgerEntriesPerAppendMax + 7
    for (const n of upTo(count - 1)) await log.appendLater(entryOf(n))
    expect(appended).toEqual([])
    await log.append(entryOf(count - 1))
    expect(appended).toEqual([ledgerEntriesPerAppendMax, ledgerEntriesPerAppendMax, 7])
    expect(await tenantsOf(ledger)).toEqual(upTo(count))
    await log.flush()
    expect(appended).toHaveLength(3)
  })
})

test('audit log: waiters share transactions', async () => {
  await withLog(async (log, ledger, appended) => {
    await Promise.all(upTo(100).map((n) => log.append(entryOf(n))))
    expect(await tenantsOf(ledger)).toEqual(upTo(100))
    expect(appended.length).toBeLessThan(5)
  })
})

test('audit log: what the store refused is told, and written once it can be, in its place', async () => {
  await withLog(async (log, ledger, _, store) => {
    store.isDown = true
    await log.appendLater(entryOf(0))
    await expect(log.append(entryOf(1))).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    await log.appendLater(entryOf(2))
    await expect(log.flush()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    store.isDown = false
    await expect.poll(() => tenantsOf(ledger)).toEqual([0, 1, 2])
    await log.append(entryOf(3))
    expect(await tenantsOf(ledger)).toEqual([0, 1, 2, 3])
  })
})

test('audit log: an append of which nobody knows whether it was written is not written twice', async () => {
  const store = await openEmbeddedStore({ path: ':memory:' })
  const ledger = store.forTenant('local:audit')
  let isHeard = false
  const appendLedger = async (entries: LedgerAppend[], options?: { isUnique?: boolean }) => {
    const rows = await ledger.appendLedger(entries, options)
    if (isHeard) return rows
    isHeard = true
    throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'the answer was lost' })
  }
  const log = new AuditLog({ ledger: { appendLedger }, now: () => 1, retryMs: 5 })
  await expect(log.append(entryOf(0))).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  await log.append(entryOf(1))
  expect(await tenantsOf(ledger)).toEqual([0, 1])
  await store.close()
})

test('audit log: with a store that takes nothing it refuses decisions rather than forget them', async () => {
  await withLog(async (log, ledger, _, store) => {
    store.isDown = true
    let refused = 0
    for (const n of upTo(decisionsQueuedMax)) await log.appendLater(entryOf(n)).catch(() => refused++)
    expect(refused).toBe(decisionsQueuedMax / 2)
    await expect(log.append(entryOf(-1))).rejects.toThrow(`${decisionsQueuedMax} decisions wait`)
    store.isDown = false
    await log.flush()
    expect((await ledger.checkLedger()).entryCount).toBe(decisionsQueuedMax)
  })
})
