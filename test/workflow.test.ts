/** The shipped workflows on a real node: its engine answers, a database on disk keeps the checkpoints. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  compile,
  runWorkflow,
  type StepEvent,
  shippedTools,
  shippedWorkflows,
  type WorkflowHost,
} from '#coordinator/workflow/index.ts'
import { bundledModel, ingest, type TestNode, TestNodes } from '#node/runtime/node.fixture.ts'
import type { JobResult } from '#protocol/api/jobs.ts'
import { type CheckpointStore, openShardStore, type ShardStore } from '#sql/store/index.ts'

const model = 'hartling-f16'
let nodes: TestNodes
let store: ShardStore
let tenants = 0
let node: TestNode
beforeAll(async () => {
  nodes = await TestNodes.create()
  store = await openShardStore({ path: join(nodes.folder, 'workflows.db') })
  node = await nodes.start('answers', [], { 'inference.enabled': true })
  await ingest(node, bundledModel)
})
afterAll(async () => {
  await store.close()
  await nodes.close()
})

const emptyTenant = () => store.forTenant(`local:test-${tenants++}`)

interface NodeHost extends WorkflowHost {
  /** Of each job that the engine did, in the order in which they ended. */
  jobs: { key: string; text: string; tokens: number }[]
  events: StepEvent[]
}

/** Each key is answered once by the node's engine; `stopAfter` jobs it breaks down. */
function hostOf(
  folder: string,
  checkpoints: CheckpointStore,
  known = new Map<string, JobResult>(),
  stopAfter = Number.POSITIVE_INFINITY,
): NodeHost {
  const [jobs, events]: [NodeHost['jobs'], StepEvent[]] = [[], []]
  return {
    jobs,
    events,
    runWork: async (work, { signal, idempotencyKey: key }) => {
      const before = known.get(key)
      if (before !== undefined) return before
      if (work.kind !== 'chat') throw new Error(`unexpected ${work.kind}`)
      if (jobs.length >= stopAfter) throw new Error('the coordinator stops')
      const { temperature = 0.7, maxTokens = 32 } = work
      const sampling = { temperature, topP: 1, topK: 40, seed: 1, maxTokens, stop: [] }
      const { events: said } = await node.node.answers.infer(
        { model: work.model, prompt: { type: 'chat', messages: work.messages }, sampling },
        signal,
      )
      let text = ''
      for await (const event of said) {
        if (event.type === 'delta') text += event.text
        if (event.type !== 'end') continue
        signal.throwIfAborted()
        const { promptTokens, completionTokens, reason } = event
        const result = {
          kind: 'chat' as const,
          text,
          finishReason: reason === 'length' ? reason : ('stop' as const),
          promptTokens,
          completionTokens,
        }
        known.set(key, result)
        jobs.push({ key, text, tokens: completionTokens })
        return result
      }
      throw new Error('the answer did not end')
    },
    query: async () => [],
    authorize: async () => ({ isAllowed: true, reason: 'a test' }),
    emit: (event) => {
      events.push(event)
    },
    approval: () => undefined,
    checkpoints,
    tools: shippedTools({ folders: [folder] }),
  }
}

const requestOf = (name: string, input: unknown) => ({
  thread: name,
  plan: compile(shippedWorkflows.get(name)),
  input,
  signal: AbortSignal.timeout(120_000),
})

test('workflow: a folder is summarized by the bundled model, and a run that broke down goes on where it was', async () => {
  const folder = join(nodes.folder, 'texts')
  await mkdir(folder)
  const text = 'The old baker mixed flour and water in the morning. Then the bread went into the oven. '
  for (const name of ['a', 'b']) await writeFile(join(folder, `${name}.txt`), text.repeat(36))
  const [checkpoints, known] = [emptyTenant(), new Map<string, JobResult>()]
  const request = requestOf('summarize-folder', { model, folder })
  const first = hostOf(folder, checkpoints, known, 5)
  await expect(runWorkflow(first, request)).rejects.toMatchObject({
    code: 'ERR_STEP_FAILED',
    fields: { step: 'notes' },
  })
  expect(first.jobs.length).toBeGreaterThanOrEqual(5)
  expect(first.jobs.length).toBeLessThan(12)

  const second = hostOf(folder, checkpoints, known)
  const outcome = await runWorkflow(second, request)
  const done = [...first.jobs, ...second.jobs]
  const notes = done.filter(({ key }) => key.includes('/notes['))
  expect(new Set(notes.map(({ key }) => key)).size).toBe(notes.length)
  expect(notes).toHaveLength(12)
  expect(done.every(({ tokens }) => tokens > 0)).toBe(true)
  // Three at a time: four of the twelve, then one and a lone one, then the last.
  const parts = ['0.0', '0.1', '0.2', '0.3', '1.0', '2.0'].map((part) => `summarize-folder/summary[${part}]`)
  expect(
    done
      .map(({ key }) => key)
      .filter((key) => key.includes('/summary['))
      .sort(),
  ).toEqual(parts)
  expect(outcome).toEqual({ state: 'succeeded', output: done.at(-1)!.text })
  expect(second.events.map(({ step }) => step)).not.toContain('files')
})

test('workflow: a narrator and two players tell a story in turns, and the transcript is what they said', async () => {
  const host = hostOf(nodes.folder, emptyTenant())
  const players = ['Mira', 'Tolan']
  const outcome = await runWorkflow(
    host,
    requestOf('dungeon-master', { model, scene: 'A small boat lies at the river.', players }),
  )
  expect(host.jobs).toHaveLength(9)
  const said = (step: string) => host.jobs.find(({ key }) => key === `dungeon-master/${step}`)!.text
  const turns = [1, 2, 3].flatMap((round) => [
    expect.stringMatching(/^\[1d20: \d+\] /),
    `${players[0]}: ${said(`player1-${round}`)}`,
    `${players[1]}: ${said(`player2-${round}`)}`,
  ])
  expect(host.jobs.every(({ tokens, text }) => tokens > 0 && text !== '')).toBe(true)
  const transcript = outcome.state === 'succeeded' ? String(outcome.output) : ''
  for (const turn of turns.filter((one) => typeof one === 'string')) expect(transcript).toContain(turn)
  expect(transcript).toContain(said('narrator-1'))
  const order = [1, 2, 3].flatMap((round) => [`narrator-${round}`, `player1-${round}`, `player2-${round}`])
  const places = order.map((step) => transcript.indexOf(said(step)))
  expect(places[0]).toBeGreaterThan(0)
  const ended = host.events.filter(({ status }) => status === 'succeeded').map(({ step }) => step)
  expect(ended.indexOf('narrator-2')).toBeGreaterThan(ended.indexOf('player2-1'))
  expect(ended.at(-1)).toBe('transcript')
})
