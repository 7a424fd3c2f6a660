import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tamperWithLedger } from '#sql/store/embedded/tamper.fixture.ts'
import { openEmbeddedStore, type ShardStore } from '#sql/store/index.ts'
import { auditTenant, type Constitution, defaultText, microHartOf, openConstitution, principalOf } from './index.ts'
import { anyRequest, person, requestOf } from './sample.fixture.ts'
import { textHash } from './schema.ts'

let folder: string
let file: string
let store: ShardStore
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-constitution-'))
  file = path.join(folder, 'shard.db')
  store = await openEmbeddedStore({ path: file })
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

let clock = 0
function open(): Promise<Constitution> {
  const ledger = store.forTenant(auditTenant)
  return openConstitution({ documents: ledger, ledger, now: () => ++clock })
}

async function tamper(change: string): Promise<void> {
  await store.close()
  tamperWithLedger(file, change)
  store = await openEmbeddedStore({ path: file })
}

const noQueries = '@id("no-queries") forbid (principal, action == Action::"query", resource);'
const stricter = `${defaultText()}\n${noQueries}`
const query = requestOf('query', person('member'))

test('constitution: an empty store gets the shipped one, and keeps what its owner puts in its place', async () => {
  const first = await open()
  expect(first.current().document).toBe(defaultText())
  await expect(first.enforce(query)).resolves.toMatchObject({ isAllowed: true, reasons: ['query-models'] })
  const changed = await first.replace(stricter, first.current().hash)
  await expect(first.enforce(query)).rejects.toMatchObject({
    code: 'ERR_FORBIDDEN',
    fields: { action: 'query', reason: 'the rule no-queries of the constitution forbids it' },
  })
  await first.close()
  const second = await open()
  expect(second.current().hash).toBe(changed.hash)
  expect((await second.versions()).map(({ hash }) => hash)).toEqual([changed.hash, textHash(defaultText())])
  await expect(second.enforce(query)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
  await second.close()
})

test('constitution: of two coordinators that change it one is told, and takes up what the other did', async () => {
  const [a, b] = [await open(), await open()]
  const before = a.current().hash
  await a.replace(stricter, before)
  await expect(b.replace(`${defaultText()}// mine`, before)).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' })
  expect(b.decide(query).isAllowed).toBe(true)
  expect((await b.refresh()).hash).toBe(a.current().hash)
  expect(b.decide(query).isAllowed).toBe(false)
  await Promise.all([a.close(), b.close()])
})

test('constitution: a text that does not hold changes nothing', async () => {
  const constitution = await open()
  const { hash } = constitution.current()
  const wrong = 'permit (principal, action == Action::"qurey", resource);'
  const errors = constitution.check(wrong).filter(({ severity }) => severity === 'error')
  expect(errors).toMatchObject([{ line: 1, column: 30, help: expect.stringContaining('did you mean') }])
  await expect(constitution.replace(wrong, hash)).rejects.toMatchObject({ code: 'ERR_USAGE' })
  expect(constitution.current().hash).toBe(hash)
  expect(await constitution.versions()).toHaveLength(1)
  await constitution.close()
})

test('constitution: what was forbidden to an agent holds under the next version, which holds for running agents', async () => {
  const constitution = await open()
  const noPull = '@id("no-pull") forbid (principal, action == Action::"pull", resource);'
  const old = await constitution.derive(constitution.current(), noPull)
  const pull = requestOf('pull', person('owner'))
  await expect(constitution.enforce(pull)).resolves.toMatchObject({ isAllowed: true })
  await expect(constitution.enforce(query, old)).resolves.toMatchObject({ policyHash: old.hash })
  await constitution.replace(stricter, constitution.current().hash)
  await expect(constitution.enforce(pull, old)).rejects.toThrow('1:no-pull')
  await expect(constitution.enforce(query, old)).rejects.toThrow('no-queries')
  // By its hash, after a restart, it is what it was.
  await constitution.close()
  const again = await open()
  expect(again.decide(pull, await again.find(old.hash))).toMatchObject({ reasons: ['1:no-pull'], policyHash: old.hash })
  await again.close()
})

test('constitution: every decision is in the log, replays, and says nothing of the work', async () => {
  const constitution = await open()
  const requests = fc.sample(anyRequest, { numRuns: 40, seed: 7 })
  const child = await constitution.derive(constitution.current(), noQueries)
  let allowed = 0
  for (const [n, request] of requests.entries()) {
    const whole = { ...request, prompt: 'a secret' }
    // Whoever asks may hand over more than is asked for.
    if ('context' in whole) Object.assign(whole, { context: { ...whole.context, messages: 'a secret' } })
    await constitution.enforce(whole, n % 2 === 0 ? child : undefined).then(
      () => allowed++,
      (error) => expect(error).toMatchObject({ code: 'ERR_FORBIDDEN' }),
    )
  }
  const tenant = store.forTenant(auditTenant)
  const report = await constitution.replay()
  expect(report).toMatchObject({ entryCount: 40, decisionCount: 40, differences: [] })
  const entries = await tenant.listLedger({ kinds: ['decision'] })
  expect(entries.filter(({ fields }) => fields?.['isAllowed'] === true)).toHaveLength(allowed)
  expect(allowed).toBeGreaterThan(0)
  for (const { body } of entries) expect(Buffer.from(body).toString()).not.toContain('secret')
  await constitution.close()
})

test('constitution: what is no request is refused, and nobody is let in by it', async () => {
  const constitution = await open()
  const half = { ...requestOf('spend', person('owner')), context: { amountMicroHart: 0.5 } }
  await expect(constitution.enforce(half as never)).rejects.toMatchObject({ code: 'ERR_USAGE' })
  const unknown = { ...query, action: 'constructor' }
  await expect(constitution.enforce(unknown as never)).rejects.toMatchObject({ code: 'ERR_USAGE' })
  const long = { ...query, principal: { ...query.principal, tenant: 'a'.repeat(2300) } }
  await expect(constitution.enforce(long)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
  expect((await constitution.replay()).decisionCount).toBe(0)
  await constitution.close()
})

test.for([
  [
    `update ledger set body = cast(replace(cast(body as text), '"isAllowed":true', '"isAllowed":false') as blob) where seq = 2`,
    [2],
    /hash is not/,
  ],
  ['delete from ledger where seq = 2', [3], /entry 2 is missing/],
  [
    `update ledger set body = cast(replace(cast(body as text), '"role":"member"', '"role":"reader"') as blob) where seq = 3`,
    [3, 3],
    /hash is not/,
  ],
] as const)('constitution: a changed log is found: %s', async ([change, seqs, reason]) => {
  const constitution = await open()
  for (let n = 0; n < 4; n++) await constitution.enforce(requestOf('submit', person('member')))
  await constitution.close()
  await tamper(change)
  const again = await open()
  const { differences } = await again.replay()
  expect([...new Set(differences.map(({ seq }) => seq))]).toEqual([...new Set(seqs)])
  expect(differences[0]!.reason).toMatch(reason)
  await again.close()
})

test('constitution: a log that was written anew, hashes and all, is found where it does not follow from the policies', async () => {
  const constitution = await open()
  await constitution.enforce(requestOf('sql', person('member'))).catch(() => {})
  await constitution.close()
  const ledger = store.forTenant(auditTenant)
  const [entry] = await ledger.listLedger()
  const forged = JSON.parse(Buffer.from(entry!.body).toString())
  const body = (change: object) => Buffer.from(JSON.stringify({ ...forged, ...change }))
  await ledger.appendLedger([
    { ...entry!, subject: 'forged', body: body({ isAllowed: true, reasons: ['owner-all'] }) },
    { ...entry!, subject: 'of no policy', body: body({ policyHash: '00'.repeat(32) }) },
    { ...entry!, subject: 'no entry', body: Buffer.from('{}') },
  ])
  const again = await open()
  const { differences, decisionCount } = await again.replay()
  expect(decisionCount).toBe(4)
  expect(differences).toMatchObject([
    { seq: 2, reason: 'it says allowed (owner-all); decided again: denied (no rule)' },
    { seq: 3, reason: expect.stringContaining('no policy document') },
    { seq: 4, reason: expect.stringContaining('no entry of ours') },
  ])
  await again.close()
})

test('constitution: a killed coordinator loses no decision that was acted upon', async () => {
  await store.close()
  const acted: string[] = []
  for (const delayMs of [1, 40]) {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'fixtures/decider.ts'), file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    let isTimed = false
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (!isTimed) setTimeout(() => child.kill('SIGKILL'), delayMs)
      isTimed = true
    })
    const signal = await new Promise((resolve) => child.once('close', (_, by) => resolve(by)))
    expect(signal).toBe('SIGKILL')
    // The last line may have been cut off.
    acted.push(...text.split('\n').slice(0, -1))
  }
  store = await openEmbeddedStore({ path: file })
  const constitution = await open()
  const report = await constitution.replay()
  expect(report.differences).toEqual([])
  const written = new Set<string>()
  for (let afterSeq = 0; afterSeq < report.entryCount; afterSeq += 1000) {
    for (const { body } of await store.forTenant(auditTenant).listLedger({ afterSeq, limit: 1000 })) {
      written.add(JSON.parse(Buffer.from(body).toString()).request.resource.id)
    }
  }
  expect(acted.length).toBeGreaterThan(2)
  expect(acted.filter((id) => !written.has(id))).toEqual([])
  await constitution.close()
})

test('principal: scopes are in one order, whatever the credential had', () => {
  const identity = { tenant: 'a', name: 'A', role: 'member', method: 'oidc', credential: 'c' } as const
  const held = ['query', 'infer', 'jobs:read'] as const
  expect(principalOf({ ...identity, scopes: new Set(held) })).toEqual(
    principalOf({ ...identity, scopes: new Set(held.toReversed()) }),
  )
})

test('money: wei become millionths of HART, rounded up, and never less than they are', () => {
  expect([0n, 1n, 10n ** 12n, 10n ** 12n + 1n, 10n ** 18n].map(microHartOf)).toEqual([0, 1, 1, 2, 1_000_000])
  expect(microHartOf(2n ** 128n - 1n)).toBe(Number.MAX_SAFE_INTEGER)
})
