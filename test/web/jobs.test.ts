/** Jobs: what the list and the page of a job say is what the coordinator says over the wire. */
import type { BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { CoordinatorClient } from '#protocol/api/client.ts'
import type { JobView, SubmitRequest } from '#protocol/api/jobs.ts'
import { formatDuration } from '#protocol/units.ts'
import { capture, inEachLook, pageTest } from './browser.fixture.ts'

const patience = { timeout: 60_000 }
const finalStates = ['succeeded', 'failed', 'cancelled']

async function run(client: CoordinatorClient, request: SubmitRequest): Promise<JobView> {
  const { jobId } = await client.call('submitJob', { body: request })
  await expect.poll(async () => finalStates.includes((await get(client, jobId)).state), patience).toBe(true)
  return get(client, jobId)
}

async function get(client: CoordinatorClient, jobId: string): Promise<JobView> {
  return client.call('getJob', { params: { jobId } })
}

async function modelOf(client: CoordinatorClient): Promise<string> {
  const { models } = await client.call('listModels', {})
  return models.find(({ answerers }) => answerers > 0)!.name
}

function chat(model: string, content: string): Extract<SubmitRequest['work'], { kind: 'chat' }> {
  return { kind: 'chat', model, messages: [{ role: 'user', content }], temperature: 0, maxTokens: 20 }
}

/** Ids in the order of the page. */
async function jobsOn(page: Page): Promise<string[]> {
  const links = page.getByRole('region', { name: 'Jobs' }).locator('a[href^="/jobs/"]')
  return links.evaluateAll((all) => all.map((each) => each.getAttribute('href')!.split('/').at(-1)!))
}

pageTest(
  'jobs: the list is that of the API, newest first; a filter stands in the address, and a new job comes by itself',
  async (pages) => {
    const { client, openAsOwner } = pages
    const model = await modelOf(client)
    await run(client, { work: chat(model, 'Hello') })
    const page = await openAsOwner('/jobs?kind=chat')
    await page.getByRole('region', { name: 'Jobs' }).waitFor(patience)
    const { jobs } = await client.call('listJobs', { query: { kind: 'chat' } })
    const roots = jobs.filter(({ parentJobId }) => parentJobId === undefined).map(({ jobId }) => jobId)
    expect((await jobsOn(page)).filter((jobId) => roots.includes(jobId))).toEqual(roots)

    const { jobId } = await run(client, { work: chat(model, 'Hello again') })
    await expect.poll(async () => (await jobsOn(page))[0], patience).toBe(jobId)
    await page.getByLabel('State').selectOption('cancelled')
    await page.waitForURL(/state=cancelled/)
    const cancelled = await client.call('listJobs', { query: { kind: 'chat', state: 'cancelled' as never } })
    if (cancelled.jobs.length === 0) await page.getByText('None of your jobs is like that').waitFor(patience)
    else await expect.poll(() => jobsOn(page), patience).toEqual(cancelled.jobs.map((job) => job.jobId))
  },
)

pageTest('batch: its items stand under it, on the list and on its page, each with its result', async (pages) => {
  const { client, openAsOwner } = pages
  const model = await modelOf(client)
  const items = ['one', 'two', 'three'].map((id) => ({ id, work: chat(model, `Say ${id}`) }))
  const { jobId } = await run(client, { work: { kind: 'batch', items } })
  const { jobs: children } = await client.call('listJobs', { query: { parentJobId: jobId } })
  expect(children).toHaveLength(3)

  const page = await openAsOwner('/jobs')
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/jobs/${jobId}"]`) })
  await row.getByRole('button', { name: '3 jobs of it, 3 ended' }).click()
  const shown = await jobsOn(page)
  for (const child of children) expect(shown).toContain(child.jobId)
  await row.getByRole('link').click()
  const result = await client.call('jobResult', { params: { jobId } })
  if (result.kind !== 'batch') throw new TypeError('no batch')
  const table = page.getByRole('region', { name: 'Items of the batch' })
  await table.waitFor(patience)
  for (const { id, result: item } of result.items)
    expect(await table.getByRole('row').filter({ hasText: id }).textContent()).toContain(
      item?.kind === 'chat' ? item.text : 'no text',
    )
})

pageTest('job: its waterfall has the phases and tries of the job, with the time that each took', async (pages) => {
  const { client, openAsOwner } = pages
  const job = await run(client, { work: chat(await modelOf(client), 'What is a swarm?') })
  const page = await openAsOwner(`/jobs/${job.jobId}`)
  const table = page.getByRole('table', { name: /Phases and tries/ })
  await table.waitFor(patience)
  const heads = (await table.getByRole('rowheader').allInnerTexts()).map((text) => text.split('\n')[0]!.trim())
  expect(heads).toEqual([...job.phases.map(({ phase }) => phase), 'try 1'])
  const rows = await table.getByRole('row').allInnerTexts()
  for (const [index, { sinceMs, endedAtMs }] of job.phases.entries())
    expect(rows[index + 1]).toContain(formatDuration(endedAtMs! - sinceMs))
  const [won] = job.attempts
  expect(rows.at(-1)).toContain(`first token after ${formatDuration(won!.firstTokenMs!)}`)
  expect(await table.locator(`a[href="/nodes/${won!.peerId}"]`).count()).toBe(1)
  await page.getByRole('region', { name: 'message 1' }).getByText('What is a swarm?').waitFor()
})

pageTest('job: Run again submits the same request as a new job, which shows its own end', async (pages) => {
  const { client, openAsOwner } = pages
  const job = await run(client, { work: chat(await modelOf(client), 'Hello'), terms: { attemptsMax: 2 } })
  const page = await openAsOwner(`/jobs/${job.jobId}`)
  await page.getByRole('button', { name: 'Run again' }).click()
  await page.waitForURL((url) => !url.pathname.endsWith(job.jobId))
  const next = new URL(page.url()).pathname.split('/').at(-1)!
  await page.getByText('receipt verified').waitFor(patience)
  const requests = await Promise.all([job.jobId, next].map((jobId) => client.call('jobRequest', { params: { jobId } })))
  expect(requests[1]).toEqual(requests[0])
  expect((await get(client, next)).state).toBe('succeeded')
})

pageTest('job: one that waits for a person asks on its page, and the answer ends it', async (pages) => {
  const { client, openAsOwner } = pages
  const workflow = {
    name: 'ask-first',
    steps: [
      { id: 'now', type: 'tool' as const, tool: 'now', args: {} },
      { id: 'ok', type: 'approval' as const, question: 'Shall it go on?' },
      { id: 'text', type: 'tool' as const, tool: 'join-text', args: { texts: ['it', 'went', 'on'] } },
    ],
  }
  for (const [button, state] of [
    ['Approve', 'succeeded'],
    ['Refuse', 'failed'],
  ] as const) {
    const { jobId } = await client.call('submitJob', { body: { work: { kind: 'workflow', workflow, input: {} } } })
    const page = await openAsOwner(`/jobs/${jobId}`)
    await page.getByText('Shall it go on?').first().waitFor(patience)
    if (button === 'Approve') await capture(page, 'job-waiting-light-1440')
    await page.getByRole('button', { name: button }).click()
    await expect.poll(async () => (await get(client, jobId)).state, patience).toBe(state)
    await page.getByRole('definition').getByText(state, { exact: true }).waitFor(patience)
  }
})

pageTest('job: Cancel ends one that waits for a node', async (pages) => {
  const { client, openAsOwner } = pages
  const work = chat(await modelOf(client), 'Hello')
  const { jobId } = await client.call('submitJob', { body: { work, terms: { maxPriceWei: '1' } } })
  const page = await openAsOwner(`/jobs/${jobId}`)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('definition').getByText('cancelled', { exact: true }).waitFor(patience)
  expect((await get(client, jobId)).state).toBe('cancelled')
  expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(0)
})

/** Answers of that path get another character at one place. */
function tampering(path: RegExp, change: (body: string) => string): (context: BrowserContext) => Promise<void> {
  return async (context) => {
    await context.route(path, async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, body: change(await response.text()) })
    })
  }
}

const otherDigit = (digit: string) => (digit === '0' ? '1' : '0')

pageTest(
  'receipt: one that a node signed verifies; with another signature, output or text it does not',
  async (pages) => {
    const { client, openAsOwner } = pages
    const job = await run(client, { work: chat(await modelOf(client), 'What is a swarm?') })
    const target = `/jobs/${job.jobId}`
    const { receipts } = await client.call('jobReceipts', { params: { jobId: job.jobId } })
    expect(receipts).toHaveLength(1)
    const page = await openAsOwner(target)
    await page.getByText('receipt verified').waitFor(patience)
    await page.getByText(`made by the key of ${receipts[0]!.receipt['node']}, whom the receipt names`).waitFor()
    await page.getByText('the receipt is for this job, try 1').waitFor()
    await page.getByText('SHA-256 of the text shown here is the one that was signed').waitFor()

    const lies: [RegExp, (body: string) => string, RegExp][] = [
      [
        /\/receipts$/,
        (body) => body.replace(/("signature":"0x\w{20})(\w)/, (_, head, digit) => head + otherDigit(digit)),
        /key of (?!.*whom)|no signature/,
      ],
      [
        /\/receipts$/,
        (body) => body.replace(/("output":"0x)(\w)/, (_, head, digit) => head + otherDigit(digit)),
        /is not the one that was signed/,
      ],
      [
        /\/receipts$/,
        (body) => body.replace(/("job":"0x)(\w)/, (_, head, digit) => head + otherDigit(digit)),
        /for another job/,
      ],
      [/\/result$/, (body) => body.replace(/"text":"/, '"text":"not '), /is not the one that was signed/],
    ]
    for (const [path, change, words] of lies) {
      const lied = await openAsOwner(target, { prepare: tampering(path, change) })
      await lied.getByText('receipt does not verify').waitFor(patience)
      await lied.getByText(words).first().waitFor()
    }
  },
)

pageTest('visitor: is told whose jobs these are, and how to sign in', async ({ client, open }) => {
  const { jobs } = await client.call('listJobs', { query: { limit: 1 } })
  for (const target of ['/jobs', `/jobs/${jobs[0]?.jobId ?? 'none'}`]) {
    const page = await open(target)
    await page
      .getByText(/submitted/)
      .first()
      .waitFor(patience)
    await page.getByText('hart coordinator open').first().waitFor()
  }
})

pageTest('job: one that is not there is said not to be, with what to do', async ({ openAsOwner }) => {
  const page = await openAsOwner('/jobs/01a1fef5-78aa-7539-a0e0-59e54e1a6e8f', { expectedErrors: /404/ })
  await page.getByRole('alert').getByText('ERR_NOT_FOUND').waitFor(patience)
})

pageTest('jobs: the list opens a job by keys alone', async ({ client, openAsOwner }) => {
  const { jobId } = await run(client, { work: chat(await modelOf(client), 'Hello') })
  const page = await openAsOwner('/jobs')
  const link = page.locator(`a[href="/jobs/${jobId}"]`)
  await link.waitFor(patience)
  for (let step = 0; step < 60; step++) {
    if (await link.evaluate((element) => element === document.activeElement)) break
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/jobs/${jobId}`)
})

pageTest('jobs: list and job are accessible and within the window in each look', async (pages) => {
  const { client, openAsOwner } = pages
  const model = await modelOf(client)
  const job = await run(client, { work: chat(model, 'What is a swarm?') })
  await inEachLook(
    (options) => openAsOwner('/jobs', options),
    async (page, look) => {
      await page.getByRole('region', { name: 'Jobs' }).waitFor(patience)
      await capture(page, `jobs-${look}`)
    },
  )
  await inEachLook(
    (options) => openAsOwner(`/jobs/${job.jobId}`, options),
    async (page, look) => {
      await page.getByText('receipt verified').waitFor(patience)
      await capture(page, `job-${look}`)
    },
  )
})
