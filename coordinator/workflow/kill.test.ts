import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEmbeddedStore } from '#sql/store/index.ts'
import { keyedGraph, keyedHost, keyedInput } from './fixtures/keyed-host.ts'
import { emptyTenant } from './host.fixture.ts'
import { compile } from './plan/compile.ts'
import { type RunOutcome, runWorkflow } from './run.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-workflow-'))
})
afterAll(() => rm(folder, { recursive: true }))

const runner = join(import.meta.dirname, 'fixtures/runner.ts')

interface Run {
  done: string[]
  outcome?: RunOutcome
}

/** Killed when so many jobs have ended; it stands still then, so that it cannot come to its end before. */
async function runUntil(file: string, jobs: number): Promise<Run> {
  const child = spawn(process.execPath, [runner, file, String(jobs)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (text.split('\n').length > jobs) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
  const said = lines.map((line) => JSON.parse(line) as { done?: string; outcome?: RunOutcome })
  const outcome = said.find((one) => one.outcome !== undefined)?.outcome
  return { done: said.flatMap(({ done }) => done ?? []), ...(outcome === undefined ? {} : { outcome }) }
}

test('workflow: killed in the middle of a map and of a reduce, it goes on, and each job was done and paid once', async () => {
  const file = join(folder, 'shard.db')
  const runs: Run[] = []
  // Of 37 jobs: one and some of the map, then the rest of it and some of the tree over it.
  for (const jobs of [10, 22]) {
    runs.push(await runUntil(file, jobs))
    expect(runs.at(-1)!.outcome, 'it was killed before its end').toBeUndefined()
  }
  runs.push(await runUntil(file, Number.POSITIVE_INFINITY))
  const { outcome } = runs.at(-1)!
  expect(outcome?.state).toBe('succeeded')
  const request = { thread: 'job', plan: compile(keyedGraph), input: keyedInput, signal: new AbortController().signal }
  const whole = await runWorkflow(
    keyedHost(emptyTenant(), () => undefined),
    request,
  )
  expect(outcome, 'as without a kill, dice and all').toEqual(whole)
  expect(outcome).toMatchObject({ output: expect.stringContaining(`${keyedInput.join(' ')}\n\n3d20: `) })

  // What was said to be done in one run was not done in another.
  const said = runs.flatMap(({ done }) => done)
  expect(new Set(said).size).toBe(said.length)
  const store = await openEmbeddedStore({ path: file })
  try {
    const tenant = store.forTenant('local:owner')
    const jobs = await tenant.listJobs()
    const level = (name: string, count: number, prefix = '') =>
      Array.from({ length: count }, (_, at) => `job/${name}[${prefix}${at}]`)
    const expected = [
      'job/first',
      ...level('each', 24),
      ...level('all', 8, '0.'),
      ...level('all', 3, '1.'),
      ...level('all', 1, '2.'),
    ]
    expect(jobs.map(({ idempotencyKey }) => idempotencyKey).sort()).toEqual(expected.sort())
    for (const { jobId, state, chargedWei } of jobs) {
      expect({ state, chargedWei }).toEqual({ state: 'succeeded', chargedWei: 1n })
      expect((await tenant.listAttempts(jobId)).filter(({ outcome: of }) => of === 'won')).toHaveLength(1)
    }
    expect(said.filter((key) => !expected.includes(key))).toEqual([])
  } finally {
    await store.close()
  }
})
