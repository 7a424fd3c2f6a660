import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testHost } from '../host.fixture.ts'
import { compile } from '../plan/compile.ts'
import { runWorkflow } from '../run.ts'
import { shippedTools } from '../tool/shipped.ts'
import { shippedWorkflows } from './index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-example-'))
})
afterAll(() => rm(folder, { recursive: true }))

const planOf = (name: string) =>
  compile(shippedWorkflows.get(name), { tools: new Set(shippedTools({ folders: [] }).keys()) })
const request = (name: string, input: unknown) => ({
  thread: name,
  plan: planOf(name),
  input,
  signal: new AbortController().signal,
})

test('examples: a folder is summarized part by part, then the summaries three at a time', async () => {
  const sentence = (file: string, at: number) =>
    `${file} has a sentence of about sixty characters, which is number ${at}. `
  for (const file of ['one', 'two', 'three'])
    await writeFile(join(folder, `${file}.txt`), Array.from({ length: 20 }, (_, at) => sentence(file, at)).join(''))
  const tools = shippedTools({ folders: [folder] })
  const host = testHost(
    (text, { messages }) => {
      expect(messages[0]).toEqual({ role: 'system', content: 'You summarize texts.' })
      const [of] = /Summarize .*/.exec(text)!
      return `(${of === 'Summarize these notes in one sentence.' ? text.split('\n\n').slice(0, -1).join('') : of.split(' ')[4]})`
    },
    { tools },
  )
  const parts = 9
  expect(await runWorkflow(host, request('summarize-folder', { model: 'm', folder }))).toEqual({
    state: 'succeeded',
    output: `(${[`(${'(one.txt)'.repeat(3)})`, `(${'(three.txt)'.repeat(3)})`, `(${'(two.txt)'.repeat(3)})`].join('')})`,
  })
  expect(host.done.filter((key) => key.includes('/notes['))).toHaveLength(parts)
  expect(host.done.filter((key) => key.includes('/summary['))).toHaveLength(4)
})

test('examples: at the table each round sees the end of the one before, and the transcript has all of them in order', async () => {
  const host = testHost(
    (text, { messages }, { step }) => {
      const round = Number(step.at(-1))
      // What the last round said is the scene of this one; players hear the narrator.
      if (step.startsWith('narrator') && round > 1) expect(text).toContain(`Bo: says player2-${round - 1}`)
      if (step.startsWith('player')) expect(text).toContain(`says narrator-${round}`)
      if (step.startsWith('player2')) expect(messages[0]!.content).toContain('Bo')
      return `says ${step}`
    },
    { tools: shippedTools({ folders: [] }) },
  )
  const input = { model: 'm', scene: 'A dark wood.', players: ['Ada', 'Bo'] }
  const outcome = await runWorkflow(host, request('dungeon-master', input))
  const lines = (outcome.state === 'succeeded' ? String(outcome.output) : '').split('\n\n')
  expect(lines[0]).toBe('A dark wood.')
  expect(lines.slice(1).map((line) => line.replace(/\d+\]/, 'N]'))).toEqual(
    [1, 2, 3].flatMap((round) => [
      `[1d20: N] says narrator-${round}`,
      `Ada: says player1-${round}`,
      `Bo: says player2-${round}`,
    ]),
  )
})
