/** The landing page: what it shows is what the API says, it follows the swarm, and it can be walked by keys alone. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { connectToNode } from '#node/cli/client.ts'
import { DevnetNode } from '#node/cli/devnet/child.ts'
import type { StatusView } from '#protocol/api/control.ts'
import { formatBytes } from '#protocol/units.ts'
import { capture, inEachLook, pageTest } from './browser.fixture.ts'
import type { WebSwarm } from './swarm.setup.ts'

const limitMs = 60_000
const local = ['--listen', '/ip4/127.0.0.1/tcp/0', '--api-port', '0', '--no-mdns', '--no-inference']
const poll = { timeout: limitMs }

const isLive = (page: Page) => page.getByText('live', { exact: true }).waitFor()
/** A figure with what stands under it. */
const figure = (page: Page, label: string) =>
  page
    .locator('dl > div')
    .filter({ has: page.getByText(label, { exact: true }) })
    .locator('dd')
const table = (page: Page) => page.getByRole('region', { name: 'Nodes', exact: true })
const legend = (page: Page, state: string) => page.getByRole('button', { name: new RegExp(`^${state} \\d`) })

async function bootstrapOf({ nodes }: WebSwarm): Promise<string[]> {
  const control = await connectToNode(nodes[0]!.dataDir, AbortSignal.timeout(limitMs))
  const { addresses } = await control.get<StatusView>('/api/v1/status')
  return addresses.flatMap((address) => ['--bootstrap', address])
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hart-web-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

pageTest('network: its figures are those of the API, and each says how it is counted', async ({ client, open }) => {
  const page = await open('/')
  await isLive(page)
  const differences = async () => {
    const { totals } = await client.call('networkSnapshot', {})
    const wanted = {
      Nodes: `${totals.nodes}${totals.nodesReady} ready`,
      Held: formatBytes(totals.heldBytes),
      'Models whole': `${totals.modelsWhole}${totals.modelsPartial} partial of ${totals.models} offered`,
      'Slots free': `${totals.inferenceSlotsFree} of ${totals.inferenceSlots}`,
    }
    const shown = await Promise.all(Object.keys(wanted).map((label) => figure(page, label).textContent()))
    return Object.values(wanted).filter((text, at) => !shown[at]!.startsWith(text))
  }
  await expect.poll(differences, poll).toEqual([])
  await page.getByRole('button', { name: 'How nodes is counted' }).focus()
  await page.getByRole('tooltip').filter({ hasText: 'signed lease' }).waitFor()
})

pageTest('network: each layer of a model is held by as many as the API says', async ({ client, open }) => {
  const { models } = await client.call('listModels', {})
  // To ask nodes for what they hold may take a busy machine too long: then the page says so, and asks again.
  const page = await open('/', { expectedErrors: /504/ })
  for (const { modelId, name } of models.filter(({ holders }) => holders > 0)) {
    const strip = page.getByRole('listbox', { name: new RegExp(`^Coverage of ${name}:`) })
    const differences = async () => {
      const { parts } = await client.call('modelCoverage', { params: { model: modelId } })
      const layers = new Map<string, number>()
      for (const { key, layer, holders } of parts) {
        const cell = layer === undefined ? key : `layer ${layer}`
        layers.set(cell, Math.min(layers.get(cell) ?? Number.POSITIVE_INFINITY, holders))
      }
      const wanted = [...layers].map(([cell, holders]) => `${cell}: held by ${holders}`)
      const shown = await strip.getByRole('option').evaluateAll((cells) => cells.map((cell) => cell.ariaLabel))
      return wanted.filter((text, at) => shown[at] !== text)
    }
    await expect.poll(differences, poll).toEqual([])
  }
})

pageTest('network: a node that starts is seen coming, and one that stops is seen leaving', async ({ swarm, open }) => {
  const page = await open('/')
  await isLive(page)
  await inFolder(async (folder) => {
    const args = [...local, '--region', 'FR', ...(await bootstrapOf(swarm))]
    const node = new DevnetNode(7, join(folder, 'node'), args)
    try {
      const { peerId } = await node.start(AbortSignal.timeout(limitMs))
      await table(page)
        .locator(`[data-peer="${peerId}"]`)
        .getByText('FR', { exact: true })
        .waitFor({ timeout: limitMs })
      await page.locator(`[data-cell="${peerId}"]`).waitFor()
      const events = page.getByRole('region', { name: 'Events, newest first' })
      const short = `${peerId.slice(0, 7)}…${peerId.slice(-4)}`
      await events.getByText(`${short} joined`).waitFor()
      await node.stop()
      await table(page).locator(`[data-peer="${peerId}"]`).getByText('stale').waitFor({ timeout: limitMs })
      await events
        .getByRole('listitem')
        .filter({ hasText: short })
        .filter({ hasText: 'its lease ended' })
        .first()
        .waitFor()
    } finally {
      await node.stop()
    }
  })
})

pageTest('network: the legend filters table and map, and the address brings the same back', async (pages) => {
  const { client, open } = pages
  const page = await open('/')
  await isLive(page)
  const { nodes } = await client.call('networkSnapshot', {})
  const rows = table(page).locator('[data-peer]')
  await expect.poll(() => rows.count(), poll).toBe(nodes.length)
  await legend(page, 'paused').click()
  await page.waitForURL(/states=paused/)
  await page.getByText('No node fits').waitFor()
  await expect.poll(() => page.locator('[data-cell]').count()).toBe(0)
  await page.getByRole('button', { name: /^Show all/ }).click()
  await page.waitForURL((url) => !url.search.includes('states'))

  const declared = nodes.find(({ region }) => region !== '')!
  const of = nodes.filter(({ region }) => region === declared.region)
  const again = await open(`/?region=${declared.region}&sort=score`)
  const shown = table(again).locator('[data-peer]')
  await expect.poll(() => shown.count(), poll).toBe(of.length)
  await again.getByRole('columnheader', { name: 'Score' }).and(again.locator('[aria-sort=descending]')).waitFor()
  await again.getByRole('searchbox', { name: /^Filter nodes/ }).fill('nothing has this name')
  await again.getByText('No node fits').waitFor()
})

pageTest('network: the map is walked, zoomed and left by keys alone', async ({ client, open }) => {
  const { nodes } = await client.call('networkSnapshot', {})
  const page = await open('/')
  await isLive(page)
  await page.locator('[data-cell]').first().waitFor()
  const map = page.getByRole('region', { name: /^Map of the nodes/ })
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    if (await map.evaluate((element) => element === document.activeElement)) break
  }
  await page.keyboard.press('+')
  await page.waitForURL(/view=/)
  await page.keyboard.press('0')
  await page.waitForURL((url) => !url.search.includes('view='))
  const focused = () => page.evaluate(() => (document.activeElement as HTMLElement).dataset['cell'])
  await page.keyboard.press('ArrowRight')
  const first = await focused()
  expect(nodes.map(({ peerId }) => peerId)).toContain(first)
  const seen = new Set([first])
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft']) {
    await page.keyboard.press(key)
    seen.add(await focused())
  }
  const placed = nodes.filter(({ region }) => region !== '')
  expect(seen.size).toBe(Math.min(placed.length, seen.size))
  expect(seen.size).toBeGreaterThan(1)
  const last = await focused()
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/nodes/${last}`)
  await page.getByRole('heading', { name: /^Node 12D3Koo/ }).waitFor()
})

pageTest('network: who checks a node is told how it is, and of one that is not seen why', async ({ client, open }) => {
  const { nodes } = await client.call('listNodes', {})
  const page = await open('/', { expectedErrors: /404/ })
  const box = page.getByRole('region', { name: 'Check my node' })
  await box.getByLabel('Its peer id').fill(nodes[0]!.peerId)
  await page.keyboard.press('Enter')
  await box.getByText(/holds|no model/).waitFor()
  await box.getByRole('link', { name: 'all that is known of it' }).waitFor()
  await box.getByLabel('Its peer id').fill('12D3KooWnobody')
  await page.keyboard.press('Enter')
  await box.getByText('This coordinator does not see it.').waitFor()
  expect(new URL(page.url()).searchParams.get('check')).toBe('12D3KooWnobody')
})

pageTest(
  'network: the page outlives its coordinator: it greys, says since when, and goes on by itself',
  async (pages) => {
    const { swarm, open } = pages
    await inFolder(async (folder) => {
      const bootstrap = await bootstrapOf(swarm)
      const start = (port: string) =>
        new DevnetNode(8, folder, [...local, '--coordinator-port', port, ...bootstrap], [], 'coordinator')
      let coordinator = start('0')
      try {
        await coordinator.connectToCoordinator(AbortSignal.timeout(limitMs))
        const url = coordinator.coordinatorUrl!
        const page = await open(url, {
          expectedErrors: /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|ERR_EMPTY|ERR_CONNECTION_RESET/,
          prepare: (context) => context.clock.install(),
        })
        await isLive(page)
        await expect.poll(() => figure(page, 'Nodes').textContent(), poll).toMatch(/^[1-9]/)
        coordinator.kill()
        await page.getByText(/^Not connected to the coordinator/).waitFor({ timeout: limitMs })
        await page.clock.fastForward(40_000)
        await figure(page, 'Nodes').and(page.locator('.text-stale')).waitFor({ timeout: limitMs })
        await page.getByText(/^Counted by this coordinator .* \d+ s ago|m \d+s ago/).waitFor()
        coordinator = start(new URL(url).port)
        await coordinator.start(AbortSignal.timeout(limitMs))
        await isLive(page)
        await figure(page, 'Nodes').and(page.locator(':not(.text-stale)')).waitFor({ timeout: limitMs })
      } finally {
        await coordinator.stop()
      }
    })
  },
)

pageTest('network: is accessible and stays within the window in light and dark, wide and narrow', async ({ open }) => {
  await inEachLook(
    (options) => open('/', options),
    async (page, look) => {
      await isLive(page)
      await page.locator('[data-cell]').first().waitFor()
      await page.getByRole('option').first().waitFor()
      await table(page).locator('[data-peer]').first().waitFor()
      await capture(page, `map-${look}`)
    },
  )
})
