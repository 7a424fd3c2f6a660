/** The page of a node: what its owner does there is read back over the wire, and survives a restart. */
import { afterAll, beforeAll, expect } from 'vitest'
import { hartIn } from '#node/cli/run.fixture.ts'
import type { StatusView } from '#protocol/api/control.ts'
import { MiB } from '#protocol/units.ts'
import { bootstrap, bundledModel, TestSwarm, until } from '../swarm.fixture.ts'
import { capture, inEachLook, type OpenOptions, type Pages, pageTest } from './browser.fixture.ts'
import { findChromium } from './chromium.ts'

type RunningNode = Awaited<ReturnType<TestSwarm['start']>>

let nodes: TestSwarm
let holder: RunningNode
/** Holds nothing and offers nothing, until its owner says otherwise. */
let node: RunningNode

const args = () => ['--no-inference', ...bootstrap(holder)]

beforeAll(async () => {
  if (findChromium().path === undefined) return
  nodes = await TestSwarm.create()
  holder = await nodes.start(1, '--no-inference', '--ingest', bundledModel, '--name', 'held-elsewhere')
  node = await nodes.start(2, ...args())
})
afterAll(() => nodes?.close())

const dataDirOf = (one: RunningNode) => one.ready!.dataDir
const urlOf = (one: RunningNode) => one.ready!.apiUrl

async function status(one = node): Promise<StatusView> {
  return JSON.parse((await hartIn(dataDirOf(one), ['status', '--json'])).stdout)
}

async function openMine({ open, ownerLink }: Pages, options?: OpenOptions) {
  const page = await open(await ownerLink(urlOf(node), dataDirOf(node), '/my-node'), options)
  await page.getByRole('region', { name: 'State' }).waitFor()
  return page
}

pageTest('my node: a browser without a session is told how to get in, and nothing else', async ({ open }) => {
  await inEachLook(
    (options) => open(`${urlOf(node)}/my-node`, { ...options, expectedErrors: /401/ }),
    async (page, look) => {
      await page.getByRole('heading', { name: 'This page is for the owner of this node' }).waitFor()
      await page.getByText('hart open', { exact: true }).waitFor()
      expect(await page.locator('main').textContent()).not.toContain(node.ready!.peerId)
      await capture(page, `my-node-signed-out-${look}`)
    },
  )
})

pageTest('my node: a node is paused and resumed on its page, and the command line says the same', async (pages) => {
  const page = await openMine(pages)
  const state = page.getByRole('region', { name: 'State' })
  await page.getByText('live', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await state.getByText('paused', { exact: true }).waitFor()
  expect(await status()).toMatchObject({ state: 'paused', reason: 'its owner paused it' })
  await page.getByRole('button', { name: 'Drain', exact: true }).click()
  await state.getByText('draining', { exact: true }).waitFor()
  expect((await status()).state).toBe('draining')
  await page.getByRole('button', { name: 'Resume' }).click()
  await state.getByText('idle', { exact: true }).waitFor()
  expect((await status()).state).toBe('idle')
  // What somebody else does is seen without asking.
  await hartIn(dataDirOf(node), ['pause'])
  await state.getByText('paused', { exact: true }).waitFor()
  await hartIn(dataDirOf(node), ['resume'])
  await state.getByText('idle', { exact: true }).waitFor()
  await page.getByRole('region', { name: 'Events, newest first' }).getByText('takes work again').first().waitFor()
})

pageTest('my node: limits are checked as they are typed, saved, in force, and read back', async (pages) => {
  const page = await openMine(pages)
  const form = page.getByRole('form', { name: 'Limits and prices' })
  const save = form.getByRole('button', { name: 'Save', exact: true })
  const upload = form.getByLabel('Upload cap')
  await upload.fill('fast')
  await form.getByText('not a size').waitFor()
  expect(await save.isDisabled()).toBe(true)
  expect(await upload.getAttribute('aria-invalid')).toBe('true')
  await upload.fill('3MiB')
  await form.getByLabel('Country on the map').fill('DE')
  await save.click()
  await form.getByText('Saved: data.uploadRate, region in force now').waitFor()
  expect((await status()).caps.uploadBytesPerSecond).toBe(3 * MiB)
  expect((await hartIn(dataDirOf(node), ['config', 'get', 'region'])).stdout.trim()).toBe('DE')
  // And the other way round: what the command line sets is on the page.
  await hartIn(dataDirOf(node), ['config', 'set', 'data.uploadRate', '1536KiB'])
  await until('the page to follow', async () => (await upload.inputValue()) === '1536KiB' || undefined)
  await hartIn(dataDirOf(node), ['config', 'set', 'data.uploadRate', '--unset'])
})

pageTest('my node: offered disk is filled with what the swarm has, and the page shows it coming', async (pages) => {
  const page = await openMine(pages)
  const held = page.getByRole('region', { name: 'What it holds' })
  await held.getByText('Nothing yet').waitFor()
  const form = page.getByRole('form', { name: 'Limits and prices' })
  await form.getByLabel('Disk offered').fill('100MiB')
  await form.getByRole('button', { name: 'Save', exact: true }).click()
  await held.getByRole('cell', { name: 'held-elsewhere' }).waitFor()
  const { heldBytes, pledge } = await until('all of it', async () => {
    const now = await status()
    return now.transfers.length === 0 && now.heldBytes > 0 ? now : undefined
  })
  expect(pledge).toEqual({ diskBytes: 100 * MiB, usedBytes: heldBytes })
  await held.getByText('1 rare').waitFor()
  // The holder counted what it sent, on a page of its own.
  const theirs = await pages.open(await pages.ownerLink(urlOf(holder), dataDirOf(holder), '/my-node'))
  await theirs.getByText(/^Chunks sent/).waitFor()
  expect((await status(holder)).activity.chunks.bytes).toBeGreaterThanOrEqual(heldBytes)
})

pageTest('my node: a schedule is painted by keys or written, saved, and kept to', async (pages) => {
  const page = await openMine(pages)
  const form = page.getByRole('form', { name: 'Schedule' })
  const text = form.getByLabel('As text')
  await form.getByRole('gridcell', { name: 'Monday 0:00, works' }).focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('Shift+ArrowRight')
  expect(await text.inputValue()).toContain('mon 02:00-24:00')
  await form.getByRole('gridcell', { name: 'Monday 1:00, paused' }).waitFor()
  await text.fill('monday 9-17')
  await form.getByText('is no span').waitFor()
  expect(await form.getByRole('button', { name: 'Save schedule' }).isDisabled()).toBe(true)

  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
  // Neither today nor tomorrow: midnight may come while this runs.
  const open = `${days[(new Date().getDay() + 3) % 7]} 08:00-10:00`
  await text.fill(open)
  await form.getByRole('button', { name: 'Save schedule' }).click()
  const state = page.getByRole('region', { name: 'State' })
  await state.getByText('paused', { exact: true }).waitFor()
  await state.getByText(/^outside its schedule; goes on \w+day 08:00$/i).waitFor()
  expect(await status()).toMatchObject({ state: 'paused', schedule: { spans: [open], isOpen: false } })
  await page.getByRole('button', { name: 'Resume' }).click()
  await state.getByText(/running by hand; its schedule decides again/).waitFor()
  await form.getByRole('button', { name: 'Always' }).click()
  await form.getByRole('button', { name: 'Save schedule' }).click()
  await until('no schedule', async () => ((await status()).schedule === undefined ? true : undefined))
})

pageTest('my node: the page survives a restart of its node, and says how old it is meanwhile', async (pages) => {
  const expectedErrors =
    /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/
  const page = await openMine(pages, { expectedErrors })
  await page.getByText('live', { exact: true }).waitFor()
  const before = node.ready!
  const port = new URL(before.apiUrl).port
  await node.stop()
  await page.getByText('This node does not answer').waitFor()
  await page.getByRole('region', { name: 'State' }).waitFor()
  node = await nodes.start(2, ...args(), '--api-port', port)
  expect(node.ready!.peerId).toBe(before.peerId)
  await page.getByText('This node does not answer').waitFor({ state: 'hidden' })
  await page.getByText(`process ${node.ready!.pid}`).waitFor()
  // The same browser is still the owner's, and may still change things.
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await page.getByRole('region', { name: 'State' }).getByText('paused', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Resume' }).click()
  await until('resumed', async () => ((await status()).state === 'paused' ? undefined : true))
})

pageTest('my node: is accessible and stays within the window in light and dark, wide and narrow', async (pages) => {
  const { swarm, open, ownerLink } = pages
  // The one that answers prompts for pay, where the swarm has a chain.
  const { apiUrl, dataDir } = swarm.nodes.find(({ node: index }) => index === 5)!
  await inEachLook(
    async (options) => open(await ownerLink(apiUrl, dataDir, '/my-node'), options),
    async (page, look) => {
      await page.getByRole('region', { name: 'State' }).waitFor()
      await page.getByRole('table').first().waitFor()
      await page.getByRole('img', { name: /per hour/ }).waitFor()
      await capture(page, `my-node-${look}`)
      await page.getByRole('form', { name: 'Schedule' }).scrollIntoViewIfNeeded()
      await page.getByRole('region', { name: 'Schedule' }).evaluate((region) => region.scrollIntoView())
      await capture(page, `my-node-schedule-${look}`)
    },
  )
})
