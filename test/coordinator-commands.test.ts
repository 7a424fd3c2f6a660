import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiBench, startApi } from '../coordinator/api/api.fixture.ts'
import { hartIn } from '../node/cli/run.fixture.ts'
import type { JobView } from '../protocol/api/jobs.ts'

let bench: ApiBench
let folder: string
beforeAll(async () => {
  bench = await startApi()
  folder = await mkdtemp(join(tmpdir(), 'hart-coordinator-'))
  await writeFile(join(folder, 'coordinator-endpoint.json'), JSON.stringify({ apiUrl: bench.url, pid: 1 }))
  await writeFile(join(folder, 'owner.token'), 'owner\n')
})
afterAll(async () => {
  await bench?.close()
  if (folder !== undefined) await rm(folder, { recursive: true })
})

const hart = (...argv: string[]) => hartIn(folder, argv)
async function json<T>(...argv: string[]): Promise<T> {
  const { status, stdout, stderr } = await hart(...argv, '--json')
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as T
}
const ask = ['--model', 'tiny', '--prompt', 'hi']
const answer = { kind: 'chat', text: 'hello\nyou', finishReason: 'stop', promptTokens: 1, completionTokens: 2 } as const

test('hart jobs: a job is quoted, submitted, shown, followed and gives its text', async () => {
  expect(await json('jobs', 'quote', ...ask)).toMatchObject({ priceWei: { max: '5' } })
  const { jobId } = await json<JobView>('jobs', 'submit', ...ask, '--privacy', 'local', '--max-price', '2')
  expect(bench.jobs.requestOf(jobId)).toMatchObject({
    work: { kind: 'chat', messages: [{ role: 'user', content: 'hi' }] },
    terms: { privacy: 'local', maxPriceWei: '2000000000000000000' },
  })
  const watching = hart('jobs', 'watch', jobId)
  await expect.poll(() => bench.jobs.readers).toBe(1)
  bench.jobs.emit(jobId, { type: 'text', text: 'hello\n', tokens: 1 })
  bench.jobs.emit(jobId, { type: 'text', text: 'you', tokens: 1 })
  bench.jobs.finish(jobId, answer)
  const watched = await watching
  expect([watched.status, watched.stdout]).toEqual([0, 'hello\nyou\n'])
  expect((await hart('jobs', 'result', jobId)).stdout).toBe('hello\nyou\n')
  expect((await hart('jobs', 'show', jobId)).stdout).toMatch(/^job +job-/)
  expect((await hart('jobs', 'show', jobId, '--receipts')).stdout).toContain('"dueWei":"7"')
  expect((await json<JobView[]>('jobs', 'list', '--state', 'succeeded,failed')).map((job) => job.jobId)).toEqual([
    jobId,
  ])
})

test('hart jobs: a file of lines is a batch, a key makes it one job, and a cancelled one is told', async () => {
  const file = join(folder, 'prompts.jsonl')
  const line = JSON.stringify({ work: { kind: 'completion', model: 'tiny', prompt: 'a' } })
  await writeFile(file, `${line}\n${line}\n`)
  const { jobId } = await json<JobView>('jobs', 'submit', file, '--key', 'nightly')
  expect((await json<JobView>('jobs', 'submit', file, '--key', 'nightly')).jobId).toBe(jobId)
  expect(bench.jobs.requestOf(jobId).work).toMatchObject({ kind: 'batch', items: [{ id: '1' }, { id: '2' }] })
  const early = await hart('jobs', 'result', jobId)
  expect([early.status, early.stderr]).toEqual([1, expect.stringContaining('ERR_JOB_UNFINISHED')])
  expect(await json('jobs', 'cancel', jobId)).toMatchObject({ state: 'cancelled' })
  expect((await hart('jobs', 'watch', jobId)).status).toBe(1)
})

test('hart workflow: a graph is saved, listed, shown and run; a step that waits is answered', async () => {
  const file = join(folder, 'ask.json')
  await writeFile(file, JSON.stringify({ name: 'ask', steps: [{ id: 'review', type: 'approval', question: 'ok?' }] }))
  expect((await hart('workflow', 'save', file)).status).toBe(0)
  expect(await json('workflow', 'list')).toMatchObject([{ name: 'ask' }])
  expect(JSON.parse((await hart('workflow', 'show', 'ask')).stdout)).toMatchObject({ name: 'ask' })
  const { jobId } = await json<JobView>('workflow', 'run', 'ask', '--input', '{"a":1}')
  expect(bench.jobs.requestOf(jobId).work).toEqual({ kind: 'workflow', workflow: 'ask', input: { a: 1 } })
  bench.jobs.move(jobId, 'waiting')
  expect((await hart('jobs', 'approve', jobId, 'review')).status).toBe(0)
})

test('hart nodes, key and coordinator status read what the coordinator has', async () => {
  expect(await json<unknown[]>('nodes', '--state', 'busy')).toHaveLength(50)
  expect(await json('nodes', 'node-0007')).toMatchObject({ stake: { bondWei: '9' } })
  expect(await json('nodes', '--models')).toMatchObject([{ name: 'tiny' }])
  expect(await json('nodes', '--stakes')).toMatchObject([{ peerId: 'node-0007' }])
  const made = await hart('key', 'create', 'laptop', '--scope', 'jobs:read')
  expect(made.stdout).toBe('hart_secret\n')
  expect((await hart('key', 'create', 'x', '--scope', 'all')).status).toBe(2)
  expect((await hart('key', 'revoke', 'key0')).stdout).toBe('revoked key0\n')
  expect((await hart('key', 'list')).stdout).toMatch(/key0 +laptop .* revoked/)
  expect(await json('coordinator', 'status')).toMatchObject({ url: bench.url, ready: true, totals: { nodes: 250 } })
  bench.isHealthy = false
  const unhealthy = await hart('coordinator', 'status')
  bench.isHealthy = true
  expect([unhealthy.status, unhealthy.stdout]).toEqual([1, expect.stringContaining('store: full')])
})

test("the owner's token goes to the coordinator of the folder alone; a key goes where it is told", async () => {
  const elsewhere = await startApi()
  try {
    const named = await hart('jobs', 'list', '--coordinator', elsewhere.url)
    expect([named.status, named.stderr]).toEqual([4, expect.stringContaining('ERR_AUTH')])
    const withKey = await hartIn(folder, ['jobs', 'list', '--coordinator', elsewhere.url, '--json'], {
      HARTONOMOUS_API_KEY: 'other',
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
