import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiBench, startApi } from '../coordinator/api/api.fixture.ts'
import { defaultText } from '../coordinator/constitution/index.ts'
import { person, requestOf } from '../coordinator/constitution/sample.fixture.ts'
import { hartIn } from '../node/cli/run.fixture.ts'
import type { AuditEntryView, AuditReportView, ConstitutionView } from '../protocol/api/constitution.ts'

let bench: ApiBench
/** `folder` belongs to a coordinator that runs, `empty` to none. */
let folder: string
let empty: string
const fileOf = (name: string) => join(folder, name)
const notInRussia =
  '@id("not-there") forbid (principal, action == Action::"assign", resource) when { resource.region == "RU" };'
const cases = [
  { says: 'a reader queries', isAllowed: true, request: requestOf('query', person('reader')) },
  { says: 'a reader does not submit', isAllowed: false, request: requestOf('submit', person('reader')) },
]

beforeAll(async () => {
  bench = await startApi()
  folder = await mkdtemp(join(tmpdir(), 'hart-constitution-'))
  empty = await mkdtemp(join(tmpdir(), 'hart-none-'))
  const files = {
    'coordinator-endpoint.json': JSON.stringify({ apiUrl: bench.url, pid: 1 }),
    'owner.token': bench.tokens.owner,
    'mine.cedar': `${defaultText()}\n${notInRussia}\n`,
    'wrong.cedar': 'permit (\n  principal, action == Action::"qurey", resource);',
    'cases.jsonl': cases.map((line) => JSON.stringify(line)).join('\n'),
    'false.jsonl': JSON.stringify({ ...cases[0], isAllowed: false }),
    'half.jsonl': '\n{"says":"x"}',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(fileOf(name), text)
})
afterAll(async () => {
  await bench?.close()
  for (const made of [folder, empty]) if (made !== undefined) await rm(made, { recursive: true })
})

const hart = (...argv: string[]) => hartIn(folder, ['constitution', ...argv])
async function json<T>(...argv: string[]): Promise<T> {
  const { status, stdout, stderr } = await hart(...argv, '--json')
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as T
}

test('hart constitution: an owner reads, replaces and lists; what it was not made from is refused', async () => {
  expect((await hart('show')).stdout).toBe(defaultText())
  const before = await json<ConstitutionView>('show')
  expect((await hart('show', '--schema')).stdout).toBe(before.schema)
  const after = await json<ConstitutionView>('replace', fileOf('mine.cedar'), '--previous', before.hash)
  expect((await hart('show')).stdout).toContain('not-there')
  expect((await json<ConstitutionView>('show', before.hash)).text).toBe(defaultText())
  expect((await json<{ hash: string }[]>('versions')).map(({ hash }) => hash)).toEqual([after.hash, before.hash])
  const late = await hart('replace', fileOf('mine.cedar'), '--previous', before.hash)
  expect([late.status, late.stderr]).toEqual([1, expect.stringContaining(after.hash)])
})

test('hart constitution: the log is shown and replays', async () => {
  const entries = await json<AuditEntryView[]>('audit', '--limit', '5')
  expect(entries[0]).toMatchObject({ action: 'readAudit', tenant: 'local:owner', isAllowed: true })
  expect((await hart('audit', '--tenant', 'local:owner')).stdout).toContain('permit')
  expect(await json('audit', '--effect', 'forbid')).toEqual([])
  const report = await json<AuditReportView>('replay')
  expect(report).toMatchObject({ differenceCount: 0, head: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect((await hart('replay')).stdout).toContain('0 differ')
})

test('hart constitution: with a coordinator and without one a file is judged and tested alike', async () => {
  const offline = (...argv: string[]) => hartIn(empty, ['constitution', ...argv, '--offline'])
  for (const [name, status] of [
    ['mine.cedar', 0],
    ['wrong.cedar', 1],
  ] as const) {
    const asked = await hart('check', fileOf(name))
    expect(asked.status).toBe(status)
    // Of several words as near, the engine takes any.
    const anyWord = (text: string) => text.replace(/did you mean [^)]*/, 'did you mean')
    const judged = await offline('check', fileOf(name))
    expect({ ...judged, stdout: anyWord(judged.stdout) }).toEqual({ ...asked, stdout: anyWord(asked.stdout) })
  }
  expect((await hart('check', fileOf('wrong.cedar'))).stdout).toMatch(/wrong\.cedar:2:\d+: error: .*qurey/)
  const said =
    'ok   a reader queries: permitted by query-models\nok   a reader does not submit: no rule of the constitution permits it\n'
  expect(await hart('decide', fileOf('cases.jsonl'))).toMatchObject({ status: 0, stdout: said })
  const rules = ['--rules', fileOf('mine.cedar')]
  expect(await offline('decide', fileOf('cases.jsonl'), ...rules)).toMatchObject({ status: 0, stdout: said })
  expect(await offline('decide', fileOf('false.jsonl'))).toMatchObject({
    status: 1,
    stdout: 'FAIL a reader queries: permitted by query-models\n',
  })
  expect((await offline('decide', fileOf('half.jsonl'))).stderr).toContain('half.jsonl:2')
  expect((await offline('show')).stdout).toBe(defaultText())
})
