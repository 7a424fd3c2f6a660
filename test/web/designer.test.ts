/** The designer: graphs that are drawn, checked, saved, and run by a real model, held against what the API says of them. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { capture, inEachLook, type Pages, pageTest } from './browser.fixture.ts'

const stepsOf = (page: Page) => page.getByRole('region', { name: 'Steps' })
const canvasOf = (page: Page) => page.getByRole('region', { name: 'Canvas' })
const nodeOf = (page: Page, id: string) => canvasOf(page).locator(`.react-flow__node[data-id="${id}"]`)
const jobIn = (page: Page) => new URL(page.url()).searchParams.get('job')!

/** Saved over the wire, for a page to open. */
async function saved({ client }: Pages, graph: WorkflowGraph): Promise<WorkflowGraph> {
  await client.call('saveWorkflow', { params: { name: graph.name }, body: graph })
  return graph
}

async function modelOf({ client }: Pages): Promise<string> {
  const { models } = await client.call('listModels', {})
  return models[0]!.name
}

async function outputOf({ client }: Pages, jobId: string): Promise<unknown> {
  const result = await client.call('jobResult', { params: { jobId }, query: { waitMs: 25_000 } })
  return result.kind === 'workflow' ? result.output : undefined
}

/** By keys alone: to an element, however far along the page it stands. */
async function press(page: Page, role: 'button' | 'link', name: string, key = 'Enter'): Promise<void> {
  await page.getByRole(role, { name, exact: true }).focus()
  await page.keyboard.press(key)
}

async function typeInto(page: Page, label: string, text: string): Promise<void> {
  await page.getByLabel(label, { exact: true }).focus()
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

pageTest(
  'example: what is shipped opens from the empty canvas, with the steps and links that the API says',
  async (pages) => {
    const page = await pages.openAsOwner('/designer')
    await canvasOf(page)
      .getByRole('link', { name: /^dungeon-master/ })
      .click()
    await page.waitForURL(/name=dungeon-master/)
    const { graph, version } = await pages.client.call('getWorkflow', { params: { name: 'dungeon-master' } })
    await nodeOf(page, graph.steps[0]!.id).waitFor()
    const drawn = await canvasOf(page)
      .locator('.react-flow__node')
      .evaluateAll((all) => all.map((one) => one.dataset['id']))
    expect(drawn.sort()).toEqual(graph.steps.map(({ id }) => id).sort())
    expect(await stepsOf(page).getByRole('listitem').count()).toBe(graph.steps.length)
    await page.getByText(`shipped, version ${version.slice(0, 8)}`).waitFor()
    // What narrator-1 takes stands left of it.
    const [roll, narrator] = await Promise.all(['roll-1', 'narrator-1'].map((id) => nodeOf(page, id).boundingBox()))
    expect(roll!.x + roll!.width).toBeLessThan(narrator!.x)
    await canvasOf(page)
      .getByRole('group', { name: 'roll-1 to narrator-1: narrator-1 takes roll-1.total' })
      .waitFor({ state: 'attached' })
  },
)

pageTest('keys: a graph is made from nothing, saved, and read back over the wire as it was drawn', async (pages) => {
  // Tried again, it is to find nothing of this name.
  const name = `made-by-keys-${crypto.randomUUID().slice(0, 8)}`
  const page = await pages.openAsOwner('/designer')
  await page.getByText('An empty graph').waitFor()
  await typeInto(page, 'Name', name)
  await press(page, 'button', 'tool calls a tool: dice, texts, files, an agent')
  await page.getByLabel('Tool', { exact: true }).selectOption('dice')
  await typeInto(page, 'sides (optional)', '6')
  await press(page, 'button', 'prompt asks a model; its value is the answer')
  // The list that opens after two braces offers what is in reach.
  await typeInto(page, 'Prompt', 'The die says {{too')
  await page.getByRole('option', { name: /^tool / }).waitFor()
  await page.keyboard.press('Enter')
  await page.keyboard.type(' of six.')
  await typeInto(page, 'Tokens', '8')
  await typeInto(page, 'Id', 'tell')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Step tell' }).waitFor()
  await page.getByLabel('Runs after', { exact: true }).waitFor()
  await page.keyboard.press('Control+S')
  await page.waitForURL((url) => url.searchParams.get('name') === name)
  const { graph, version } = await pages.client.call('getWorkflow', { params: { name } })
  expect(graph).toEqual({
    name,
    model: '{{input.model}}',
    steps: [
      { id: 'tool', type: 'tool', tool: 'dice', args: { sides: 6 } },
      { id: 'tell', type: 'prompt', prompt: 'The die says {{tool}} of six.', maxTokens: 8 },
    ],
  })
  await page.getByText(`, version ${version.slice(0, 8)}`).waitFor()
  expect(await page.getByText('not saved').count()).toBe(0)
})

pageTest('run: its states and values come onto the steps, and its output is what the job gave', async (pages) => {
  await saved(pages, {
    name: 'two-steps',
    model: '{{input.model}}',
    steps: [
      { id: 'roll', type: 'tool', tool: 'dice', args: { sides: 6 } },
      { id: 'is-six', type: 'condition', value: 'roll.total', test: 'greater', than: 6, whenTrue: ['never'] },
      { id: 'never', type: 'prompt', prompt: 'x' },
      { id: 'tell', type: 'prompt', prompt: 'The die says {{roll.total}}. {{input.words}}', maxTokens: 8 },
    ],
  })
  const page = await pages.openAsOwner('/designer?name=two-steps')
  await page.getByLabel('words', { exact: true }).fill('Say something.')
  expect(await page.getByLabel('model', { exact: true }).inputValue()).toBe(await modelOf(pages))
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.waitForURL(/job=/)
  await nodeOf(page, 'tell').getByText('succeeded').waitFor()
  await nodeOf(page, 'never').getByText('passed over').waitFor()
  const output = await outputOf(pages, jobIn(page))
  expect(await page.getByRole('region', { name: 'Output' }).textContent()).toBe(output)
  // The value of a step stands in the inspector; what opens the address again sees the run again.
  await page.reload()
  await nodeOf(page, 'roll').click()
  const shown = JSON.parse((await page.getByRole('region', { name: 'Value of roll' }).textContent())!) as {
    total: number
  }
  expect(shown.total).toBeGreaterThanOrEqual(1)
  await page.getByRole('link', { name: 'its job, with nodes and receipts' }).click()
  await page.waitForURL(new RegExp(`/jobs/${jobIn(page) ?? ''}`))
})

pageTest('approval: a step waits for a person; yes goes on, no fails the run in words', async (pages) => {
  await saved(pages, {
    name: 'asks',
    steps: [
      { id: 'draft', type: 'tool', tool: 'join-text', args: { texts: ['a', '{{input.end}}'], separator: '-' } },
      { id: 'ask', type: 'approval', question: 'Is {{draft}} right?' },
      { id: 'final', type: 'tool', tool: 'join-text', args: { texts: ['{{draft}}', 'yes'] }, after: ['ask'] },
    ],
    output: 'draft',
  })
  const page = await pages.openAsOwner('/designer?name=asks')
  const run = page.getByRole('region', { name: 'Run' })
  const begin = async (end: string) => {
    await page.getByLabel('end', { exact: true }).fill(end)
    await run.getByRole('button', { name: 'Run', exact: true }).click()
    await run.getByText(`Is a-${end} right?`).waitFor()
    await nodeOf(page, 'ask').getByText('waiting').waitFor()
  }
  await begin('z')
  expect(await nodeOf(page, 'final').getByText('succeeded').count()).toBe(0)
  const jobId = jobIn(page)
  await expect.poll(async () => (await pages.client.call('getJob', { params: { jobId } })).state).toBe('waiting')
  await run.getByRole('button', { name: 'Yes, go on' }).click()
  await nodeOf(page, 'final').getByText('succeeded').waitFor()
  expect(await outputOf(pages, jobId)).toBe('a-z')
  await begin('q')
  await run.getByRole('button', { name: 'No, stop' }).click()
  await run.getByRole('alert').getByText('the answer was no').waitFor()
  await nodeOf(page, 'ask').getByText('failed').waitFor()
})

pageTest(
  'mistakes: a circle and a name that is not there are refused in the words of the coordinator',
  async (pages) => {
    const { client } = pages
    const graph = await saved(pages, {
      name: 'mistakes',
      model: 'hartling-f16',
      steps: [
        { id: 'a', type: 'prompt', prompt: 'x' },
        { id: 'b', type: 'prompt', prompt: '{{a}}' },
      ],
    })
    const page = await pages.openAsOwner('/designer?name=mistakes')
    // Drawn backwards, from b to a.
    const [from, to] = [nodeOf(page, 'b').locator('.source'), nodeOf(page, 'a').locator('.target')]
    await from.hover()
    await page.mouse.down()
    await to.hover()
    await page.mouse.up()
    await page.getByText('Not connected: b to a: it waits for itself: a <- b <- a').waitFor()
    // By the list instead of the canvas.
    await nodeOf(page, 'a').click()
    await page.getByLabel('Runs after', { exact: true }).selectOption('b')
    await page.getByText('b: it waits for itself: a <- b <- a').last().waitFor()

    const wrong = {
      ...graph,
      steps: [{ ...graph.steps[0]!, prompt: '{{chapters}}' }, graph.steps[1]!],
    } as WorkflowGraph
    const refusal: Error = await client.call('saveWorkflow', { params: { name: graph.name }, body: wrong }).then(
      () => new Error('it was taken'),
      (error: Error) => error,
    )
    await page.getByLabel('Prompt', { exact: true }).fill('{{chapters}}')
    await page.getByRole('main').getByText(refusal.message, { exact: true }).first().waitFor()
    expect(refusal.message).toContain('there is no step chapters')
    expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true)
    expect((await client.call('getWorkflow', { params: { name: 'mistakes' } })).graph).toEqual(graph)
  },
)

pageTest(
  'way back: edges, deletion and typing are undone and done again; the list moves and deletes by keys',
  async (pages) => {
    await saved(pages, {
      name: 'way-back',
      steps: [
        { id: 'one', type: 'tool', tool: 'now', args: {} },
        { id: 'two', type: 'tool', tool: 'now', args: {} },
      ],
    })
    const page = await pages.openAsOwner('/designer?name=way-back')
    const [from, to] = [nodeOf(page, 'one').locator('.source'), nodeOf(page, 'two').locator('.target')]
    await from.hover()
    await page.mouse.down()
    await to.hover()
    await page.mouse.up()
    const edge = canvasOf(page).getByRole('group', { name: 'one to two: two runs after it' })
    await edge.waitFor({ state: 'attached' })
    await press(page, 'button', 'Undo')
    await edge.waitFor({ state: 'detached' })
    await press(page, 'button', 'Redo')
    await edge.waitFor({ state: 'attached' })

    // On the canvas by keys: a node takes the focus, and goes by Delete.
    await nodeOf(page, 'two').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Step two' }).waitFor()
    await page.keyboard.press('Delete')
    await nodeOf(page, 'two').waitFor({ state: 'detached' })
    await page.keyboard.press('Control+Z')
    await edge.waitFor({ state: 'attached' })

    // So does an edge.
    await edge.focus()
    await page.keyboard.press('Delete')
    await edge.waitFor({ state: 'detached' })
    await page.keyboard.press('Control+Z')
    await edge.waitFor({ state: 'attached' })

    await press(page, 'button', 'move two up')
    const order = () =>
      stepsOf(page)
        .getByRole('listitem')
        .evaluateAll((all) => all.map((one) => one.textContent))
    expect(await order()).toEqual(['two', 'one'])
    await press(page, 'button', 'delete one')
    expect(await order()).toEqual(['two'])
    await page.getByText('not saved').waitFor()
    await press(page, 'button', 'Undo')
    await press(page, 'button', 'Undo')
    await press(page, 'button', 'Undo')
    await page.getByText('not saved').waitFor({ state: 'detached' })
  },
)

pageTest(
  'saving: what is not saved is asked about before it is lost, and what another saved is not overwritten unasked',
  async (pages) => {
    const graph = await saved(pages, { name: 'shared', steps: [{ id: 'one', type: 'tool', tool: 'now', args: {} }] })
    const page = await pages.openAsOwner('/designer?name=shared')
    await nodeOf(page, 'one').waitFor()
    await page.getByLabel('Description (optional)', { exact: true }).fill('Mine.')
    await page.getByRole('link', { name: 'Models', exact: true }).click()
    const leave = page.getByRole('dialog', { name: 'Leave without saving?' })
    await leave.getByRole('button', { name: 'Stay' }).click()
    await leave.waitFor({ state: 'hidden' })
    expect(page.url()).toContain('/designer')

    await saved(pages, { ...graph, description: 'Of another.' })
    const described = async () => (await pages.client.call('getWorkflow', { params: { name: 'shared' } })).description
    await page.getByRole('button', { name: 'Save' }).click()
    const other = page.getByRole('dialog', { name: 'There is another version' })
    await other.waitFor()
    expect(await described()).toBe('Of another.')
    await other.getByRole('button', { name: 'Save mine in its place' }).click()
    await expect.poll(described).toBe('Mine.')
    await page.getByText('not saved').waitFor({ state: 'detached' })
  },
)

pageTest(
  'files: what is exported is the graph, and can be imported; what is no workflow is refused in words',
  async (pages) => {
    const page = await pages.openAsOwner('/designer?name=summarize-folder')
    await nodeOf(page, 'summary').waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ])
    expect(download.suggestedFilename()).toBe('summarize-folder.json')
    const text = await readFile(await download.path(), 'utf8')
    const { graph } = await pages.client.call('getWorkflow', { params: { name: 'summarize-folder' } })
    expect(JSON.parse(text)).toEqual(graph)

    const blank = await pages.openAsOwner('/designer')
    const choose = (content: string) =>
      blank
        .getByLabel('A workflow as JSON')
        .setInputFiles({ name: 'w.json', mimeType: 'application/json', buffer: Buffer.from(content) })
    await choose('{"name":"x","steps":[{"id":"A"}]}')
    await blank.getByRole('dialog', { name: 'Not imported' }).getByText('steps[0]').waitFor()
    await blank.keyboard.press('Escape')
    await choose(text)
    await nodeOf(blank, 'summary').waitFor()
  },
)

pageTest('visitor: is told that workflows are listed to who signs in, and may draw', async ({ open }) => {
  const page = await open('/designer')
  await page.getByText('You may draw here, not open, save or run.').waitFor()
  await page.getByRole('button', { name: 'approval waits until a person says yes' }).click()
  await nodeOf(page, 'approval').waitFor()
  expect(await page.getByRole('button', { name: 'Open', exact: true }).isDisabled()).toBe(true)
  await page.getByText('Running takes the right jobs:write').waitFor()
})

pageTest('looks: it is accessible and stays within the window in light and dark, wide and narrow', async (pages) => {
  const { client, openAsOwner } = pages
  const graph = await saved(pages, {
    name: 'looks',
    model: '{{input.model}}',
    description: 'One step of each kind.',
    steps: [
      { id: 'found', type: 'query', text: 'kind:attention' },
      { id: 'roll', type: 'tool', tool: 'dice', args: { count: 2, sides: 6 }, after: ['found'] },
      {
        id: 'is-high',
        type: 'condition',
        value: 'roll.total',
        test: 'greater',
        than: 1,
        whenTrue: ['notes'],
        whenFalse: ['low'],
      },
      { id: 'notes', type: 'map', over: 'roll.rolls', step: { type: 'prompt', prompt: 'Say {{item}}.', maxTokens: 4 } },
      { id: 'low', type: 'prompt', prompt: 'The dice were low.', maxTokens: 4 },
      { id: 'all', type: 'reduce', over: 'notes', prompt: '{{item}}\n\nJoin.', maxTokens: 4 },
      { id: 'ask', type: 'approval', question: 'Publish this?\n\n{{all}}' },
    ],
    output: 'all',
  })
  const input = { model: await modelOf(pages) }
  const { jobId } = await client.call('submitJob', { body: { work: { kind: 'workflow', workflow: graph, input } } })
  await expect
    .poll(async () => (await client.call('getJob', { params: { jobId } })).state, { timeout: 60_000 })
    .toBe('waiting')
  await inEachLook(
    (options) => openAsOwner(`/designer?name=looks&step=roll&job=${jobId}`, options),
    async (page, look) => {
      await page.getByText('ask waits for you').first().waitFor()
      await nodeOf(page, 'ask').getByText('waiting').waitFor()
      await page.getByRole('region', { name: 'Value of roll' }).waitFor()
      await capture(page, `designer-${look}`)
    },
  )
})
