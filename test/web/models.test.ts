/** What the swarm offers, and what a model is made of: as the API says it, and as a person finds it. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import type { CoordinatorClient } from '#protocol/api/client.ts'
import { formatBytes } from '#protocol/units.ts'
import { capture, inEachLook, pageTest } from './browser.fixture.ts'

const row = (page: Page, id: string) => page.locator(`[data-row="${id}"]`)

async function firstModel(client: CoordinatorClient) {
  const { models } = await client.call('listModels', {})
  const model = models[0]!
  return { ...model, path: `/models/${model.modelId}` }
}

pageTest('models: each is listed with what the API says of it, and its rarest parts in words', async (pages) => {
  const { client, open } = pages
  const { models } = await client.call('listModels', {})
  const page = await open('/models')
  await page.getByRole('link', { name: models[0]!.name }).waitFor()
  expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual(
    models.map(({ name }) => name).sort((a, b) => a.localeCompare(b)),
  )
  for (const { modelId, name, licence, sizeBytes, wholeHolders, holders } of models) {
    const entry = page.getByRole('listitem').filter({ has: page.getByRole('link', { name, exact: true }) })
    await entry.getByText(`${formatBytes(sizeBytes)} · ${licence}`).waitFor()
    await entry.getByText(`of ${holders} holder`).waitFor()
    expect(await entry.getByText(String(wholeHolders), { exact: true }).count()).toBeGreaterThan(0)
    const { parts, holdersMin } = await client.call('modelCoverage', { params: { model: modelId } })
    const strip = entry.getByRole('listbox')
    await strip.waitFor()
    const layers = new Set(parts.map(({ layer, key }) => layer ?? key))
    expect(await strip.getByRole('option').count()).toBe(layers.size)
    const isEven = parts.every(({ holders: of }) => of === holdersMin)
    const rarest = entry.getByText(new RegExp(`held by ${holdersMin} nodes?$`))
    expect(await rarest.textContent()).toMatch(isEven ? /^every part is/ : /^layer/)
  }
})

pageTest('models: what is looked for stays in the address, and what nothing is like is said', async (pages) => {
  const { client, open } = pages
  const { name } = await firstModel(client)
  const page = await open('/models?sort=size&find=zzz')
  await page.getByText('No model is like that').waitFor()
  await page.getByLabel('Find in names').fill(name.slice(0, 4))
  await page.getByRole('link', { name }).waitFor()
  await page.getByLabel('Which models').selectOption('answered')
  await page.waitForURL(/show=answered/)
  await page.reload()
  await page.getByRole('link', { name }).waitFor()
  expect(await page.getByLabel('Find in names').inputValue()).toBe(name.slice(0, 4))
  expect(await page.getByLabel('Sort by').inputValue()).toBe('size')
})

pageTest('model: a visitor sees its parts and who holds each, and is told what a sign-in adds', async (pages) => {
  const { client, open } = pages
  const { path, modelId } = await firstModel(client)
  const { parts } = await client.call('modelCoverage', { params: { model: modelId } })
  const { nodes } = await client.call('listNodes', { query: { modelId } })
  const page = await open(path)
  await page.getByText('Seeing tensors and their values needs a sign-in').waitFor()
  await row(page, 'layer-1').click()
  const ffn = parts.find(({ layer, kind }) => layer === 1 && kind === 'ffn')!
  await page.getByRole('button', { name: ffn.key }).click()
  await page.waitForURL(/part=blk\.1\.ffn/)
  await page.getByRole('heading', { name: `Held by ${ffn.holders} nodes` }).waitFor()
  const holders = page.getByRole('region', { name: 'Holders' })
  for (const { peerId } of nodes) await holders.locator(`a[href="/nodes/${peerId}"]`).waitFor()
  await page.getByText('hart pull').first().waitFor()
  expect(await page.getByRole('button', { name: 'Bring these bytes here' }).count()).toBe(0)
})

pageTest('model: what is open and selected is in the address, and is there again after a reload', async (pages) => {
  const { client, openAsOwner } = pages
  const { path, modelId } = await firstModel(client)
  const { tensors } = await client.call('listTensors', { query: { model: modelId } })
  const tensor = tensors.find(({ component }) => component === 'blk.2.ffn')!
  const page = await openAsOwner(path)
  // By keys alone.
  await row(page, 'layer-2').focus()
  await page.keyboard.press('ArrowRight')
  await row(page, 'blk.2.ffn').waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowRight')
  await row(page, tensor.name).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.waitForURL(/tensor=blk\.2\.ffn/)
  expect(new URL(page.url()).searchParams.get('open')).toBe('layer-2 blk.2.ffn')

  await page.reload()
  await row(page, tensor.name).waitFor()
  expect(await row(page, tensor.name).getAttribute('aria-selected')).toBe('true')
  const selected = page.getByRole('region', { name: 'Selected' })
  await selected.getByText(tensor.shape.join(' × ')).waitFor()
  await page.getByLabel('Find a component or tensor').fill('ffn_down')
  await row(page, 'blk.5.ffn_down.weight').waitFor()
  expect(await row(page, tensor.name).count()).toBe(tensor.name.includes('ffn_down') ? 1 : 0)
})

pageTest('tensor: its bytes are brought here by a job, and then its values are drawn as they are', async (pages) => {
  const { client, openAsOwner } = pages
  const { path, modelId } = await firstModel(client)
  const tensor = 'blk.3.ffn_up.weight'
  const page = await openAsOwner(`${path}?tensor=${tensor}`)
  await page.getByRole('button', { name: 'Bring these bytes here' }).click()
  const canvas = page.getByRole('img', { name: `Values of ${tensor}` })
  await canvas.waitFor()
  const detail = await client.call('getTensor', {
    params: { tensor },
    query: { model: modelId, firstRow: 0, lastRow: 0, stats: true },
  })
  const values = detail.rows!.values[0]!
  expect(await canvas.getAttribute('width')).toBe(String(values.length))
  // Blue below zero, orange above: of each pixel of the first row it is asked which.
  const drawn = await canvas.evaluate((element: HTMLCanvasElement) => {
    const { data } = element.getContext('2d')!.getImageData(0, 0, element.width, 1)
    return Array.from({ length: element.width }, (_, x) => data[4 * x]! - data[4 * x + 2]!)
  })
  const limit = Math.max(Math.abs(detail.stats!.min), detail.stats!.max) / 20
  const clear = values.flatMap((value, x) => (value === null || Math.abs(value) < limit ? [] : [{ value, x }]))
  expect(clear.length).toBeGreaterThan(10)
  for (const { value, x } of clear) expect(Math.sign(drawn[x]!), `column ${x}: ${value}`).toBe(Math.sign(value))
  const selected = page.getByRole('region', { name: 'Selected' })
  await selected.getByText(detail.stats!.max.toPrecision(3), { exact: true }).first().waitFor()

  // The next rows are read when they are asked for, and the address says which.
  await page.getByRole('button', { name: 'Later' }).click()
  await page.waitForURL(/row=128/)
  await page.getByRole('img', { name: `Values of ${tensor}, rows 128 to 255` }).waitFor()
  await inEachLook(
    (options) => openAsOwner(`${path}?open=layer-3+blk.3.ffn&tensor=${tensor}`, options),
    async (each, look) => {
      await each.getByRole('img', { name: `Values of ${tensor}` }).waitFor()
      await capture(each, `tensor-${look}`)
    },
  )
})

pageTest('models: list and model are accessible and stay within the window in each look', async (pages) => {
  const { client, open } = pages
  const { path } = await firstModel(client)
  await inEachLook(
    (options) => open('/models', options),
    async (page, look) => {
      await page.getByRole('listbox').first().waitFor()
      await capture(page, `models-${look}`)
    },
  )
  await inEachLook(
    (options) => open(`${path}?open=layer-2&part=layer-2`, options),
    async (page, look) => {
      await page.getByRole('heading', { name: /^Held by/ }).waitFor()
      await capture(page, `model-${look}`)
    },
  )
})

pageTest('model: one that nobody offers is said to be unknown, with its code', async ({ open }) => {
  const page = await open('/models/no-such-model', { expectedErrors: /404/ })
  await page.getByRole('alert').first().getByText('ERR_NOT_FOUND').waitFor()
})
