/** The Grafana dashboard and its guide against what a real node and a real coordinator export: a series that is renamed must not leave a dead panel. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { bundledModel, ingest, type TestNode, TestNodes, until } from '#node/runtime/node.fixture.ts'
import { CoordinatorClient } from '#protocol/api/client.ts'
import { startCoordinatorOver, type TestCoordinator } from './coordinator.fixture.ts'

const read = (path: string) => readFileSync(new URL(`../docs/${path}`, import.meta.url), 'utf8')
const guide = read('guides/observability.md')
const dashboard = z
  .object({
    panels: z.array(
      z.object({
        id: z.int(),
        title: z.string(),
        type: z.enum(['row', 'stat', 'timeseries']),
        gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
        targets: z.array(z.object({ expr: z.string() })).default([]),
      }),
    ),
    templating: z.object({ list: z.array(z.object({ name: z.string(), query: z.unknown() })) }),
  })
  .parse(JSON.parse(read('grafana/hartonomous.json')))
/** What Prometheus adds to each series when it reads it. */
const scraped = ['instance', 'job']

let nodes: TestNodes
let coordinator: TestCoordinator
/** Name of a series, as queries use it -> its labels. */
const series = new Map<string, Set<string>>()
beforeAll(async () => {
  nodes = await TestNodes.create()
  const node = await nodes.start('node', [], { 'inference.enabled': true })
  await ingest(node, bundledModel, 'hartonomous/hartling')
  await until('it can be asked', async () => (await node.node.answers.models()).length > 0)
  const ask = async (maxTokens: number) => {
    const body = { model: 'hartonomous/hartling', prompt: 'Once upon a time', max_tokens: maxTokens, temperature: 0 }
    const headers = { 'content-type': 'application/json' }
    await (await fetch(`${node.apiUrl}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(body) })).text()
  }
  // Histograms show what has happened only.
  await ask(8)
  note(await (await fetch(`${node.apiUrl}/metrics`)).text())
  coordinator = await startWorking(node)
  note(await (await fetch(`${coordinator.url}/metrics`)).text())
})
afterAll(async () => {
  await coordinator?.close()
  await nodes?.close()
})

function note(text: string): void {
  for (const line of text.split('\n')) {
    const [, name, labels = ''] = /^([a-z_:][\w:]*)(?:\{(.*)\})? \S+$/i.exec(line) ?? []
    if (name === undefined) continue
    const known = series.get(name) ?? new Set(scraped)
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label!)
    series.set(name, known)
  }
}

/** One that had jobs answered by that node, and has another in work, which waits for a person. */
async function startWorking(node: TestNode): Promise<TestCoordinator> {
  const server = await startCoordinatorOver(nodes, node)
  const client = new CoordinatorClient({ url: server.url, token: server.ownerToken })
  const messages = [{ role: 'user' as const, content: 'Hello' }]
  const work = { kind: 'chat' as const, model: 'hartonomous/hartling', messages, maxTokens: 1 }
  // A p95 is one of twenty.
  const items = Array.from({ length: 20 }, (_, at) => ({ id: String(at), work }))
  const { jobId } = await client.call('submitJob', { body: { work: { kind: 'batch', items } } })
  await client.call('jobResult', { params: { jobId }, query: { waitMs: 25_000 } })
  const workflow = { name: 'ask', steps: [{ id: 'review', type: 'approval' as const, question: 'ok?' }] }
  const waiting = await client.call('submitJob', { body: { work: { kind: 'workflow', workflow, input: {} } } })
  await until('it waits', async () => {
    const { state } = await client.call('getJob', { params: { jobId: waiting.jobId } })
    return state === 'waiting'
  })
  return server
}

/** Names of the series in a query, each with the labels of its selector; and the labels that results are grouped by. */
function partsOf(query: string): { selectors: { name: string; labels: string[] }[]; groups: string[] } {
  const groups: string[] = []
  const rest = query
    .replace(/"[^"]*"/g, '""')
    .replace(/\b(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)/g, (_, labels: string) => {
      groups.push(...labels.split(',').map((label) => label.trim()))
      return ''
    })
    .replace(/\bgroup_left\b/g, '')
    .replace(/\[[^\]]*\]/g, '')
  const selectors = [...rest.matchAll(/\b([a-z_]\w*)\b(?!\s*\()(?:\{([^}]*)\})?/gi)]
    // Labels stand in braces, after the name that they belong to: the match has passed over them.
    .map(([, name, labels = '']) => ({
      name: name!,
      labels: [...labels.matchAll(/(\w+)\s*[=!]/g)].map((one) => one[1]!),
    }))
  return { selectors, groups }
}

const queries = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })))

test('dashboard: the reader of queries finds series, labels and groups', () => {
  expect(partsOf('sum by (le, a) (rate(b_bucket{c=~"$d", e!=""}[$__rate_interval])) / f > 0')).toEqual({
    selectors: [
      { name: 'b_bucket', labels: ['c', 'e'] },
      { name: 'f', labels: [] },
    ],
    groups: ['le', 'a'],
  })
})

test('dashboard: every query names series and labels that a node or a coordinator exports', () => {
  expect(queries.length).toBeGreaterThan(20)
  for (const { title, expr } of queries) {
    const { selectors, groups } = partsOf(expr)
    expect(selectors.length, title).toBeGreaterThan(0)
    for (const { name, labels } of selectors) {
      expect([...series.keys()], title).toContain(name)
      for (const label of [...labels, ...groups]) expect([...series.get(name)!], `${title}: ${name}`).toContain(label)
    }
  }
  const [, instances] = dashboard.templating.list
  expect(JSON.stringify(instances)).toContain('label_values(hartonomous_state, instance)')
})

test('dashboard: every series of ours is on it, and in the guide', () => {
  const shown = queries.map(({ expr }) => expr).join('\n')
  const families = new Set(
    [...series.keys()]
      .filter((name) => !/^hartonomous_(process|nodejs)_/.test(name))
      .map((name) => name.replace(/_(bucket|sum|count)$/, '')),
  )
  expect(families.size).toBeGreaterThan(20)
  for (const family of families) {
    expect(shown).toContain(family)
    expect(guide).toContain(`\`${family}\``)
  }
})

test('dashboard: panels have ids of their own and lie side by side', () => {
  const { panels } = dashboard
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const places = panels.map(({ gridPos }) => gridPos)
  for (const [at, a] of places.entries()) {
    expect(a.x + a.w).toBeLessThanOrEqual(24)
    for (const b of places.slice(at + 1)) {
      const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
      expect(isApart, JSON.stringify([a, b])).toBe(true)
    }
  }
})
