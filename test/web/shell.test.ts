/** What stands around every page: sessions, the search, the colours, and that it may be used without a mouse. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { capture, inEachLook, pageTest } from './browser.fixture.ts'
import { findChromium } from './chromium.ts'

test('browser: it is there, or its tests say why they are skipped', () => {
  const { path, reason } = findChromium()
  expect(path ?? reason).not.toBe('')
})

pageTest('visitor: sees the network without signing in, and is told how to sign in for more', async ({ open }) => {
  const page = await open('/')
  await page.getByText('live', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Sign in' }).click()
  const dialog = page.getByRole('dialog', { name: 'Sign in' })
  await dialog.getByText('hart coordinator open').waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
})

pageTest(
  'owner: a printed link signs in once, leaves no token in the address, and does not work again',
  async (pages) => {
    const { swarm, open, ownerLink } = pages
    const { apiUrl, dataDir } = {
      apiUrl: swarm.coordinatorUrl,
      dataDir: swarm.nodes.find(({ node }) => node === 6)!.dataDir,
    }
    const link = await ownerLink(apiUrl, dataDir, '/')
    const page = await open(link)
    await page.getByText('owner', { exact: true }).waitFor()
    expect(page.url()).not.toContain('#')
    await page.reload()
    await page.getByText('owner', { exact: true }).waitFor()

    const again = await open(link, { expectedErrors: /401/ })
    await again.getByText('This link was used already').waitFor()
  },
)

pageTest('key: a wrong one is refused in words; the tab forgets a key when its owner signs out', async (pages) => {
  const { client, open } = pages
  const { key } = await client.call('createKey', { body: { label: 'a tab', scopes: ['network:read', 'jobs:read'] } })
  const page = await open('/', { expectedErrors: /401/ })
  await page.getByRole('button', { name: 'Sign in' }).click()
  const dialog = page.getByRole('dialog', { name: 'Sign in' })
  await dialog.getByLabel('You have an API key').fill('hart_wrong')
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await dialog.getByRole('alert').getByText('ERR_AUTH').waitFor()
  await dialog.getByLabel('You have an API key').fill(key)
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
})

pageTest('search: a model is found by a part of its name, by keys alone', async ({ client, open }) => {
  const { models } = await client.call('listModels', {})
  const page = await open('/')
  await page.getByText('live', { exact: true }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type(models[0]!.name.slice(0, 5))
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/models/${models[0]!.modelId}`)
})

pageTest('shell: is accessible and stays within the window in light and dark, wide and narrow', async ({ open }) => {
  await inEachLook(
    (options) => open('/my-node', options),
    async (page, look) => {
      await page.getByRole('heading', { name: 'My node', exact: true }).waitFor()
      await capture(page, `my-node-link-${look}`)
    },
  )
})

pageTest('first load: the landing page takes at most 150 kB of JavaScript, as gzip', async ({ swarm, open }) => {
  const scripts: string[] = []
  const page = await open('/', {
    prepare: async (context) => {
      context.on('request', (request) => {
        if (request.resourceType() === 'script') scripts.push(request.url())
      })
    },
  })
  await page.getByText('live', { exact: true }).waitFor()
  await page.getByRole('heading', { name: /^Nodes/ }).waitFor()
  const sizes = await Promise.all(
    scripts.map(async (url) => gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer()), { level: 9 }).length),
  )
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0)
  console.log(`first load of ${new URL(swarm.coordinatorUrl).pathname}: ${scripts.length} scripts, ${totalBytes} bytes`)
  expect(totalBytes).toBeGreaterThan(50_000)
  expect(totalBytes).toBeLessThanOrEqual(150_000)
})
