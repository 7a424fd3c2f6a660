import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditDifferencesMax } from '#protocol/limits.ts'
import { tamperWithLedger } from '#sql/store/embedded/tamper.fixture.ts'
import { openEmbeddedStore, type ShardStore } from '#sql/store/index.ts'
import { auditTenant, type Constitution, defaultText, openConstitution, rulesHash } from '../constitution/index.ts'
import { person, requestOf } from '../constitution/sample.fixture.ts'
import { type Identity, type Role, scopes } from '../identity.ts'
import { ConstitutionDesk } from './constitution-desk.ts'

let folder: string
let file: string
let store: ShardStore
let constitution: Constitution
let desk: ConstitutionDesk
let clock = 1000

async function open(): Promise<void> {
  store = await openEmbeddedStore({ path: file })
  const audit = store.forTenant(auditTenant)
  constitution = await openConstitution({ documents: audit, ledger: audit, now: () => ++clock })
  desk = new ConstitutionDesk(constitution)
}
async function close(): Promise<void> {
  await constitution.close()
  await store.close()
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-desk-'))
  file = join(folder, 'shard.db')
  await open()
})
afterEach(async () => {
  await close()
  await rm(folder, { recursive: true })
})

function identityOf(role: Role, held: readonly (typeof scopes)[number][] = scopes): Identity {
  return { tenant: `local:${role}`, name: role, role, scopes: new Set(held), method: 'oidc', credential: 'test' }
}
const [owner, operator] = [identityOf('owner'), identityOf('operator')]
const stricter = `${defaultText()}\n@id("no-queries") forbid (principal, action == Action::"query", resource);`
const { signal } = new AbortController()

test('desk: the owner puts another constitution in force; it holds at once, and both versions are there', async () => {
  const before = await desk.current(owner)
  expect(before).toMatchObject({ hash: rulesHash(defaultText()), text: defaultText() })
  expect(before.sinceMs).toBeGreaterThan(1000)
  const after = await desk.replace(owner, stricter, before.hash)
  expect(after).toMatchObject({ hash: rulesHash(stricter), text: stricter, ruleCount: before.ruleCount + 1 })
  await expect(constitution.enforce(requestOf('query', person('owner')))).rejects.toThrow('no-queries')
  expect((await desk.versions(owner)).map(({ hash }) => hash)).toEqual([after.hash, before.hash])
  expect((await desk.version(owner, before.hash)).text).toBe(defaultText())
  await expect(desk.version(owner, 'a'.repeat(64))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  await expect(desk.version(owner, 'latest')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})

test('desk: of two owners that change the same version one is told what is in force, also by another coordinator', async () => {
  const { hash } = await desk.current(owner)
  const audit = store.forTenant(auditTenant)
  const other = await openConstitution({ documents: audit, ledger: audit, now: () => ++clock })
  const theirs = await other.replace(stricter, hash)
  await expect(desk.replace(owner, `${defaultText()}// mine`, hash)).rejects.toMatchObject({
    code: 'ERR_STORE_CONFLICT',
    fields: { reason: expect.stringContaining(theirs.hash) },
  })
  // This one has taken up theirs.
  expect(constitution.current().hash).toBe(theirs.hash)
  await other.close()
})

test('desk: an operator reads and tries, and does not amend; members and keys without the scope do neither', async () => {
  const { hash } = await desk.current(operator)
  expect(await desk.check(operator, stricter)).toMatchObject({ problems: [], hash: rulesHash(stricter) })
  await expect(desk.replace(operator, stricter, hash)).rejects.toMatchObject({
    code: 'ERR_FORBIDDEN',
    fields: { action: 'amend' },
  })
  const ownersKey = identityOf('owner', ['jobs:write', 'jobs:read'])
  for (const identity of [identityOf('member'), identityOf('reader'), ownersKey])
    for (const call of [
      () => desk.current(identity),
      () => desk.versions(identity),
      () => desk.version(identity, hash),
      () => desk.check(identity, stricter),
      () => desk.replace(identity, stricter, hash),
      () => desk.decide(identity, { requests: [{}] }),
      () => desk.audit(identity, {}),
      () => desk.replay(identity, signal),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
  expect(constitution.current().hash).toBe(hash)
})

test('desk: a check names line and column, and changes nothing', async () => {
  const { problems, hash } = await desk.check(owner, 'permit (\n  principal, action == Action::"qurey", resource);')
  expect(hash).toBeUndefined()
  expect(problems).toContainEqual(expect.objectContaining({ line: 2, severity: 'error' }))
  await expect(desk.check(owner, 'permit (principal, action, resource);')).rejects.toThrow('line 1, column 1')
  expect(await desk.versions(owner)).toHaveLength(1)
})

test('desk: what would be decided is told with its reason, by rules in force or others, and is not in the log', async () => {
  const requests = [requestOf('query', person('member')), requestOf('pull', person('reader'))]
  const before = await desk.audit(owner, {})
  expect(await desk.decide(owner, { requests } as never)).toMatchObject([
    { isAllowed: true, why: 'permitted by query-models', policyHash: constitution.current().hash },
    { isAllowed: false, why: 'no rule of the constitution permits it' },
  ])
  expect(await desk.decide(owner, { requests, text: stricter } as never)).toMatchObject([
    { isAllowed: false, reasons: ['no-queries'], policyHash: rulesHash(stricter) },
    { isAllowed: false },
  ])
  await expect(desk.decide(owner, { requests: [requests[0], { action: 'fly' }] } as never)).rejects.toMatchObject({
    code: 'ERR_USAGE',
    fields: { param: 'requests[1]' },
  })
  const after = await desk.audit(owner, {})
  const actions = after.entries.slice(0, after.entries.length - before.entries.length).map(({ action }) => action)
  expect(new Set(actions)).toEqual(new Set(['readAudit']))
})

test('desk: the log comes in pages, the newest first, whole, by effect and by tenant', async () => {
  for (let n = 0; n < 25; n++) {
    const asked = requestOf(n % 5 === 0 ? 'pull' : 'query', { ...person('reader'), tenant: `t${n % 2}` })
    await constitution.enforce(asked).catch(() => undefined)
  }
  const all = async (query: Parameters<typeof desk.audit>[1]) => {
    const entries = []
    for (let cursor: string | undefined; ; ) {
      const page = await desk.audit(owner, { ...query, limit: 4, ...(cursor === undefined ? {} : { cursor }) })
      expect(page.entries.length).toBeLessThanOrEqual(4)
      entries.push(...page.entries)
      cursor = page.nextCursor
      if (cursor === undefined) return entries
    }
  }
  const everything = await all({})
  const seqs = everything.map(({ seq }) => seq)
  expect(seqs).toEqual(seqs.toSorted((a, b) => b - a))
  expect(seqs.at(-1)).toBe(1)
  const forbidden = await all({ effect: 'forbid' })
  expect(forbidden.map(({ action }) => action)).toEqual(Array(5).fill('pull'))
  expect(forbidden[0]!.decision).toMatchObject({ policyHash: constitution.current().hash, request: { action: 'pull' } })
  expect(await all({ effect: 'permit', tenant: 't1' })).toHaveLength(10)
  expect(await all({ tenant: 'nobody' })).toEqual([])
  await expect(desk.audit(owner, { cursor: 'x' })).rejects.toMatchObject({ code: 'ERR_USAGE' })
})

test('desk: one replay at a time; it ends with its caller, and tells what somebody changed in the log', async () => {
  for (let n = 0; n < 20; n++) await constitution.enforce(requestOf('query', person('member')))
  const running = desk.replay(owner, signal)
  await expect(desk.replay(owner, signal)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' })
  const whole = await running
  expect(whole).toMatchObject({ differenceCount: 0, differences: [] })
  expect(whole.decisionCount).toBeGreaterThanOrEqual(20)
  await expect(desk.replay(owner, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  await close()
  tamperWithLedger(
    file,
    `update ledger set body = cast(replace(body, '"isAllowed":true', '"isAllowed":false') as blob) where seq = 3`,
  )
  await open()
  const report = await desk.replay(owner, signal)
  expect(report.differenceCount).toBeGreaterThan(0)
  expect(report.differences.length).toBeLessThanOrEqual(auditDifferencesMax)
  expect(report.differences).toContainEqual(expect.objectContaining({ seq: 3 }))
})
