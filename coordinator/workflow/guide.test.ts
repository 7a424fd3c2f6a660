import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { agentTemplate } from './agent/template.ts'
import { testHost } from './host.fixture.ts'
import { compile } from './plan/compile.ts'
import { runWorkflow } from './run.ts'
import { shippedTools } from './tool/shipped.ts'

const guide = await readFile(new URL('../../docs/guides/workflows.md', import.meta.url), 'utf8')
const examples = [...guide.matchAll(/```json\n(.*?)```/gs)].map(
  ([, text]) => JSON.parse(text!) as Record<string, unknown>,
)
const tools = shippedTools({ folders: [] })

test('guide: its whole workflow runs as it says', async () => {
  const host = testHost((text) => text)
  const plan = compile(examples.find(({ steps }) => steps !== undefined))
  const input = { model: 'm', claim: 'rain' }
  const outcome = await runWorkflow(host, { thread: 'guide', plan, input, signal: new AbortController().signal })
  const output = 'For: Say one thing for rain.\nAgainst: Say one thing against rain.\nWhich is stronger?'
  expect(outcome).toEqual({ state: 'succeeded', output })
})

test('guide: its steps fit together to one workflow, of every type that there is', () => {
  const steps = examples.filter(({ id }) => id !== undefined)
  const others = ['draft', 'answer'].map((id) => ({ id, type: 'prompt', prompt: 'x' }))
  const plan = compile({ name: 'guide', model: 'm', steps: [...steps, ...others] }, { tools: new Set(tools.keys()) })
  const types = ['prompt', 'tool', 'query', 'map', 'reduce', 'condition', 'approval']
  expect(new Set(plan.steps.map(({ step }) => step.type))).toEqual(new Set(types))
  const { args } = steps.find(({ tool }) => tool === 'agent') as { args: { template: unknown } }
  expect(agentTemplate.parse(args.template)).toMatchObject({ tasksMax: 4, depthMax: 1 })
})

test('guide: it names every tool', () => {
  for (const name of tools.keys()) expect(guide).toContain(`| \`${name}\``)
})
