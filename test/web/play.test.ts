/** The chat: a real model answers, and what the page says of it is what the coordinator says over the wire. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import type { CoordinatorClient } from '#protocol/api/client.ts'
import { formatDuration } from '#protocol/units.ts'
import { capture, inEachLook, pageTest } from './browser.fixture.ts'

/** Models choose their words by chance unless they are told not to. */
const path = '/play?temperature=0&tokens=40'
/** A quote that nobody can keep is an error of the API, and browsers write each of those down. */
const noSource = /503/
const patience = { timeout: 60_000 }

async function ask(page: Page, prompt: string): Promise<void> {
  await page.getByLabel('Prompt', { exact: true }).fill(prompt)
  await page.keyboard.press('Enter')
}

/** The last job of the page: of the link beside `job`. */
async function jobOf(page: Page): Promise<string> {
  const link = page.getByRole('list', { name: 'Hops' }).getByRole('link').first()
  await link.waitFor(patience)
  return (await link.getAttribute('href'))!.split('/').at(-1)!
}

async function textOf(client: CoordinatorClient, jobId: string): Promise<string> {
  const result = await client.call('jobResult', { params: { jobId }, query: { waitMs: 25_000 } })
  if (result.kind !== 'chat') throw new TypeError(`a result of kind ${result.kind}`)
  return result.text
}

pageTest(
  'play: a prompt typed on the page is answered; text, node, cost and phases are those of the job',
  async (pages) => {
    const { client, openAsOwner } = pages
    const page = await openAsOwner(path)
    await page.getByText(/can answer · at most/).waitFor(patience)
    await ask(page, 'What is a swarm?')
    await page.getByText('receipt verified').waitFor(patience)
    const jobId = await jobOf(page)
    const job = await client.call('getJob', { params: { jobId } })
    const said = page.getByRole('list', { name: 'Conversation' })
    expect(await said.textContent()).toContain(await textOf(client, jobId))

    const won = job.attempts.find(({ outcome }) => outcome === 'won')!
    const hops = page.getByRole('list', { name: 'Hops' })
    expect(await hops.locator(`a[href="/nodes/${won.peerId}"]`).count()).toBe(1)
    expect(await page.getByRole('img', { name: `It asked node ${won.peerId}, which answered.` }).count()).toBe(1)
    await hops.getByText(/took it after .* as job/).waitFor()
    await hops.getByText(/the first here .* after you sent it/).waitFor()
    await hops.getByText(`first token after ${formatDuration(won.firstTokenMs!)}`).waitFor()
    await said.getByText(`${won.promptTokens} + ${won.completionTokens}`).waitFor()

    const phases = await page.getByRole('list', { name: 'Phases' }).getByRole('listitem').allInnerTexts()
    for (const { phase, sinceMs, endedAtMs } of job.phases) {
      const told = phases.find((text) => text.startsWith(phase))
      if (job.phases.filter((each) => each.phase === phase).length === 1)
        expect(told).toContain(formatDuration(endedAtMs! - sinceMs))
    }
    expect(phases.find((text) => text.startsWith('fetching'))).toContain('skipped')
  },
)

pageTest(
  'play: a second prompt is sent with the first and its answer; the conversation outlives a look at another page',
  async (pages) => {
    const { client, openAsOwner } = pages
    const page = await openAsOwner(path)
    await ask(page, 'Hello')
    await page.getByText('receipt verified').waitFor(patience)
    const first = await jobOf(page)
    await ask(page, 'And who are you?')
    await expect.poll(() => page.getByText('receipt verified').count(), patience).toBe(2)
    const second = await jobOf(page)
    const { work } = await client.call('jobRequest', { params: { jobId: second } })
    expect(work).toMatchObject({
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: await textOf(client, first) },
        { role: 'user', content: 'And who are you?' },
      ],
      temperature: 0,
      maxTokens: 40,
    })
    await page.getByRole('link', { name: 'Jobs', exact: true }).click()
    await page.getByRole('heading', { name: 'Jobs', exact: true }).waitFor()
    await page.goBack()
    await page.getByRole('list', { name: 'Conversation' }).getByText('And who are you?').waitFor()
    await page.getByRole('button', { name: 'Show its route' }).first().click()
    expect(await jobOf(page)).toBe(first)
  },
)

pageTest('play: what cannot be answered now says why before it is sent; Stop cancels its job', async (pages) => {
  const { client, openAsOwner } = pages
  // Too little for any node: the job waits, and does so for as long as nobody stops it.
  const page = await openAsOwner(`${path}&max=0.000001`, { expectedErrors: noSource })
  await page.getByText(/Nobody can answer now: none of \d+ nodes fits: too dear/).waitFor(patience)
  await ask(page, 'Hello')
  const jobId = await jobOf(page)
  expect(await client.call('getJob', { params: { jobId } })).toMatchObject({ state: 'queued' })
  await page
    .getByRole('list', { name: 'Hops' })
    .getByText(/too dear/)
    .waitFor(patience)
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('Stopped before any text came').waitFor(patience)
  expect(await client.call('getJob', { params: { jobId } })).toMatchObject({ state: 'cancelled' })
  await page.getByRole('button', { name: 'Send' }).waitFor()
})

pageTest('play: a node that failed is told with its reason and whose fault it was', async (pages) => {
  const { client, openAsOwner } = pages
  const page = await openAsOwner(path)
  // More tokens than the context of the model holds, in few bytes: signs that stand together in no text.
  await ask(page, '~^|`'.repeat(150))
  await page.getByRole('alert').getByText('ERR_CONTEXT_LENGTH').waitFor(patience)
  const job = await client.call('getJob', { params: { jobId: await jobOf(page) } })
  expect(job).toMatchObject({ state: 'failed', attempts: [{ outcome: 'failed', blame: 'requester' }] })
  const told = await page.getByRole('list', { name: 'Hops' }).textContent()
  expect(told).toContain(`failed: ${job.attempts[0]!.error!.message}`)
  expect(told).toContain('the fault of the request')
  // A line without a space in it stays within its place.
  const said = page.getByRole('list', { name: 'Conversation' })
  expect(await said.evaluate((list) => list.scrollWidth - list.clientWidth)).toBe(0)
  await capture(page, 'play-failed-light-1440')
})

pageTest('play: a visitor sees models and settings, and is asked to sign in before a prompt', async ({ open }) => {
  const page = await open('/play')
  await page.getByText('sign in to ask').waitFor(patience)
  await page.getByRole('combobox', { name: 'Model' }).getByText('hartling').first().waitFor({ state: 'attached' })
  expect(await page.getByLabel('Prompt', { exact: true }).count()).toBe(0)
  await page.getByText('hart coordinator open').first().waitFor()
})

pageTest(
  'play: settings stand in the address and in the command for a shell; a wrong price is said to be one',
  async (pages) => {
    const page = await pages.openAsOwner('/play', { expectedErrors: noSource })
    await page.getByLabel('At most, in HART').fill('two')
    await page.getByText('Write an amount of HART').waitFor(patience)
    await page.getByLabel('At most, in HART').fill('0.5')
    await page.getByText('Temperature, length, seed').click()
    await page.getByLabel('Seed').fill('7')
    await page.getByLabel('Who may see it').selectOption('trusted')
    await page.waitForURL(/privacy=trusted/)
    expect(decodeURIComponent(page.url())).toMatch(/max="?0\.5"?.*seed=7|seed=7.*max="?0\.5"?/)
    expect(await page.getByRole('region', { name: 'The command' }).textContent()).toContain('"seed":7')
    await page.reload()
    expect(await page.getByLabel('At most, in HART').inputValue()).toBe('0.5')
  },
)

pageTest('play: by keys alone a prompt is typed, sent and answered, and the next one can be typed', async (pages) => {
  const page = await pages.openAsOwner(path)
  await page.getByText(/can answer/).waitFor(patience)
  const prompt = page.getByLabel('Prompt', { exact: true })
  for (let step = 0; step < 60; step++) {
    if (await prompt.evaluate((element) => element === document.activeElement)) break
    await page.keyboard.press('Tab')
  }
  await page.keyboard.type('Hello')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('there')
  expect(await prompt.inputValue()).toBe('Hello\nthere')
  await page.keyboard.press('Enter')
  await page.getByText('receipt verified').waitFor(patience)
  expect(await prompt.evaluate((element) => element === document.activeElement)).toBe(true)
})

pageTest('play: is accessible and within the window in each look, before and after an answer', async (pages) => {
  await inEachLook(
    (options) => pages.openAsOwner(path, options),
    async (page, look) => {
      await page.getByText(/can answer/).waitFor(patience)
      await capture(page, `play-empty-${look}`)
      await ask(page, 'What is a swarm?')
      await page.getByText('receipt verified').waitFor(patience)
      await capture(page, `play-${look}`)
    },
  )
})
