import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiBench, bondWei, nodesBusy, nodesKnown, startApi } from '../coordinator/api/api.fixture.ts'
import { hartIn } from '../node/cli/run.fixture.ts'
import type { JobView, SubmitRequest } from '../protocol/api/jobs.ts'

let bench: ApiBench
let folder: string
beforeAll(async () => {
  bench = await startApi()
  folder = bench.dataDir
})
afterAll(() => bench?.close())

const hart = (...argv: string[]) => hartIn(folder, argv)
async function json<T>(...argv: string[]): Promise<T> {
  const { status, stdout, stderr } = await hart(...argv, '--json')
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as T
}
const ask = (prompt: string) => ['--model', 'tiny', '--prompt', prompt]
/** As it is kept. */
async function requestOf(jobId: string): Promise<SubmitRequest> {
  const row = await bench.store.forTenant('local:owner').getJob(jobId)
  return JSON.parse(row!.request) as SubmitRequest
}

test('hart jobs: a job is quoted, submitted, shown, followed and gives its text', async () => {
  expect(await json('jobs', 'quote', ...ask('hi'))).toMatchObject({ model: 'tiny', priceWei: { max: '0' } })
  const { jobId } = await json<JobView>('jobs', 'submit', ...ask('hi'), '--max-price', '2')
  expect(await requestOf(jobId)).toMatchObject({
    work: { kind: 'chat', messages: [{ role: 'user', content: 'hi' }] },
    terms: { maxPriceWei: '2000000000000000000' },
  })
  const node = await bench.nodes.asked('hi')
  const watching = hart('jobs', 'watch', jobId)
  await expect.poll(() => bench.coordinator.hub.listenerCount(jobId), { timeout: 20_000 }).toBe(1)
  node.say('hello\n')
  node.say('you')
  node.end()
  const watched = await watching
  expect([watched.status, watched.stdout]).toEqual([0, 'hello\nyou\n'])
  expect((await hart('jobs', 'result', jobId)).stdout).toBe('hello\nyou\n')
  expect((await hart('jobs', 'show', jobId)).stdout).toContain(jobId)
  // The node asked for nothing.
  const receipts = await hart('jobs', 'show', jobId, '--receipts')
  expect([receipts.status, receipts.stdout]).toEqual([0, ''])
  expect((await json<JobView[]>('jobs', 'list', '--state', 'succeeded,failed')).map((job) => job.jobId)).toEqual([
    jobId,
  ])
})

test('hart jobs: a file of lines is a batch, a key makes it one job, and a cancelled one is told', async () => {
  const file = join(folder, 'prompts.jsonl')
  const line = JSON.stringify({ work: { kind: 'completion', model: 'tiny', prompt: 'nightly' } })
  await writeFile(file, `${line}\n${line}\n`)
  const { jobId } = await json<JobView>('jobs', 'submit', file, '--key', 'nightly')
  expect((await json<JobView>('jobs', 'submit', file, '--key', 'nightly')).jobId).toBe(jobId)
  expect((await requestOf(jobId)).work).toMatchObject({ kind: 'batch', items: [{ id: '1' }, { id: '2' }] })
  const early = await hart('jobs', 'result', jobId)
  expect([early.status, early.stderr]).toEqual([1, expect.stringContaining('ERR_JOB_UNFINISHED')])
  expect(await json('jobs', 'cancel', jobId)).toMatchObject({ jobId })
  expect((await hart('jobs', 'watch', jobId)).status).toBe(1)
  expect(await json('jobs', 'show', jobId)).toMatchObject({ state: 'cancelled' })
})

test('hart workflow: a graph is saved, listed, shown and run; a step that waits is answered', async () => {
  const file = join(folder, 'ask.json')
  await writeFile(file, JSON.stringify({ name: 'ask', steps: [{ id: 'review', type: 'approval', question: 'ok?' }] }))
  expect((await hart('workflow', 'save', file)).status).toBe(0)
  expect(await json('workflow', 'list')).toContainEqual(expect.objectContaining({ name: 'ask', origin: 'saved' }))
  expect(JSON.parse((await hart('workflow', 'show', 'ask')).stdout)).toMatchObject({ name: 'ask' })
  const { jobId } = await json<JobView>('workflow', 'run', 'ask', '--input', '{"a":1}')
  // The graph that has the name now.
  expect((await requestOf(jobId)).work).toMatchObject({ workflow: { name: 'ask' }, input: { a: 1 } })
  await expect.poll(() => json('jobs', 'show', jobId), { timeout: 20_000 }).toMatchObject({ state: 'waiting' })
  expect((await hart('jobs', 'approve', jobId, 'review')).status).toBe(0)
  expect((await hart('jobs', 'watch', jobId)).status).toBe(0)
})

test('hart nodes, key and coordinator status read what the coordinator has', async () => {
  expect(await json<unknown[]>('nodes', '--state', 'busy')).toHaveLength(nodesBusy)
  expect(await json('nodes', bench.bonded)).toMatchObject({ stake: { bondWei: String(bondWei) } })
  expect(await json('nodes', '--models')).toMatchObject([{ name: 'tiny' }])
  const joined = expect.objectContaining({ type: 'node-joined', region: 'DE' })
  expect(await json('nodes', bench.bonded, '--events')).toContainEqual(joined)
  expect(await json('nodes', '--stakes')).toMatchObject([{ peerId: bench.bonded }])
  const made = await hart('key', 'create', 'laptop', '--scope', 'jobs:read')
  expect(made.stdout).toMatch(/^hart_[0-9a-f]{16}_[0-9a-f]{64}\n$/)
  const keyId = made.stdout.split('_')[1]!
  expect((await hart('key', 'create', 'x', '--scope', 'all')).status).toBe(2)
  expect((await hart('key', 'revoke', keyId)).stdout).toBe(`revoked ${keyId}\n`)
  expect((await hart('key', 'list')).stdout).toMatch(new RegExp(`${keyId} +laptop .* revoked`))
  const status = { url: bench.url, ready: true, totals: { nodes: nodesKnown } }
  expect(await json('coordinator', 'status')).toMatchObject(status)
  const { failures } = bench.coordinator.node
  failures.add('query: its database is gone')
  const unhealthy = await hart('coordinator', 'status')
  failures.clear()
  expect([unhealthy.status, unhealthy.stdout]).toEqual([1, expect.stringContaining('its database is gone')])
})

test("the owner's token goes to the coordinator of the folder alone; a key goes where it is told", async () => {
  const elsewhere = await startApi()
  try {
    const named = await hart('jobs', 'list', '--coordinator', elsewhere.url)
    expect([named.status, named.stderr]).toEqual([4, expect.stringContaining('ERR_AUTH')])
    const withKey = await hartIn(folder, ['jobs', 'list', '--coordinator', elsewhere.url, '--json'], {
      HARTONOMOUS_API_KEY: elsewhere.tokens.other,
    })
    expect([withKey.status, withKey.stdout]).toEqual([0, '[]\n'])
  } finally {
    await elsewhere.close()
  }
  const gone = await hart('jobs', 'list', '--coordinator', elsewhere.url)
  expect([gone.status, gone.stderr]).toEqual([3, expect.stringContaining('ERR_COORDINATOR_NOT_RUNNING')])
})

test('hart coordinator up: flags reach it, commands and keys work with it, a signal ends it, and its exit status comes back', async () => {
  const up = (...argv: string[]) => {
    const main = fileURLToPath(new URL('../node/bin/main.ts', import.meta.url))
    return spawn(process.execPath, [main, 'coordinator', 'up', ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  }
  const wrong = up('--coordinator-port', 'http')
  const ended = new Promise((resolve) => wrong.once('exit', resolve))
  expect(await text(wrong.stderr)).toContain('--coordinator-port is 0 to 65535')
  expect(await ended).toBe(2)

  const own = await mkdtemp(join(tmpdir(), 'hart-up-'))
  const flags = [
    '--json',
    '--data-dir',
    own,
    '--coordinator-port',
    '0',
    '--api-port',
    '0',
    '--no-mdns',
    '--no-inference',
  ]
  const child = up(...flags, '--listen', '/ip4/127.0.0.1/tcp/0')
  const exit = new Promise((resolve) => child.once('exit', resolve))
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    stdout += part
  })
  await expect.poll(() => stdout, { timeout: 60_000 }).toContain('"coordinator-ready"')
  const there = async (argv: string[], environment: Record<string, string> = {}) => {
    const { status, stdout: out, stderr } = await hartIn(own, argv, environment)
    expect(status, `${argv.join(' ')}: ${stderr}`).toBe(0)
    return out
  }
  expect(JSON.parse(await there(['coordinator', 'status', '--json']))).toMatchObject({ ready: true })
  const key = (await there(['key', 'create', 'laptop'])).trim()
  const { coordinatorUrl } = stdout
    .split('\n')
    .map((line) => (line === '' ? {} : (JSON.parse(line) as { coordinatorUrl?: string })))
    .find((event) => event.coordinatorUrl !== undefined)!
  const elsewhere = { HARTONOMOUS_API_KEY: key, HARTONOMOUS_DATA_DIR: folder }
  expect(await there(['jobs', 'list', '--coordinator', coordinatorUrl!, '--json'], elsewhere)).toBe('[]\n')
  expect(JSON.parse(await there(['workflow', 'list', '--json'])).length).toBeGreaterThan(0)
  const unknown = await hartIn(own, ['jobs', 'quote', '--model', 'none', '--prompt', 'hi'])
  expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('ERR_NOT_FOUND')])
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  await rm(own, { recursive: true })
})
