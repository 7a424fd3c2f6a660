/** The query engine from a page: the same rows, plans and errors as over the wire. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import type { CoordinatorClient } from '#protocol/api/client.ts'
import { formatBytes } from '#protocol/units.ts'
import { capture, inEachLook, pageTest } from './browser.fixture.ts'

/** The node of the coordinator knows a model of others once somebody looked at it. */
async function openModel(client: CoordinatorClient): Promise<void> {
  const { models } = await client.call('listModels', {})
  await client.call('modelCoverage', { params: { model: models[0]!.modelId } })
}

const foundKeys = (page: Page) =>
  page.locator('[data-found]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-found')))

pageTest('query: what is typed finds what the API finds, in its order, and stays in the address', async (pages) => {
  const { client, openAsOwner } = pages
  const { models } = await client.call('listModels', {})
  const { name } = models[0]!
  const text = `kind:ffn,attention layer:1-4 model:${name}`
  const page = await openAsOwner('/query')
  await page.getByLabel('Query', { exact: true }).fill(text)
  await page.keyboard.press('Control+Enter')
  await page.locator('[data-found]').first().waitFor()
  const { rows, explain } = await client.call('find', { body: { text, limit: 100, scope: 'swarm' } })
  expect(rows.length).toBe(8)
  expect(await foundKeys(page)).toEqual(rows.map(({ key }) => key))
  expect(new URL(page.url()).searchParams.get('q')).toBe(text)
  await page.getByText('How it was found').click()
  for (const sentence of explain) await page.getByText(sentence, { exact: true }).waitFor()

  await page.reload()
  await page.locator('[data-found]').first().waitFor()
  expect(await foundKeys(page)).toEqual(rows.map(({ key }) => key))
})

pageTest('query: a filter writes its field into the text, and reads it from there', async ({ openAsOwner }) => {
  const page = await openAsOwner('/query')
  const editor = page.getByLabel('Query', { exact: true })
  await editor.fill('attn_q')
  await page.getByRole('button', { name: 'attention' }).click()
  await page.getByLabel('layer', { exact: true }).fill('2-3')
  expect(await editor.inputValue()).toBe('kind:attention layer:2-3 attn_q')
  await editor.fill('kind:norm')
  await page.getByRole('button', { name: '✓ norm', pressed: true }).click()
  expect(await editor.inputValue()).toBe('')
  await page.getByRole('button', { name: 'kind:ffn layer:2-4' }).click()
  await page.locator('[data-found="blk.3.ffn"]').waitFor()
  // Without a model's name peers are asked, and each is named with what it told.
  await page.getByText('How it was found').click()
  await page
    .getByText(/12D3Koo\S+ 3 rows/)
    .first()
    .waitFor()
})

pageTest('query: chosen rows are planned as the API plans them, with what they need besides', async (pages) => {
  const { client, openAsOwner } = pages
  const { models } = await client.call('listModels', {})
  const { modelId: model, name } = models[0]!
  const text = `model:${name} kind:ffn layer:4-5`
  const page = await openAsOwner(`/query?q=${encodeURIComponent(text)}`)
  await page.locator('[data-found="blk.5.ffn"] input').check()
  const plan = page.getByRole('region', { name: `Plan for ${name}` })
  const { plans } = await client.call('planLoad', {
    body: { text: `model:${model} kind:ffn layer:4-5`, keys: ['blk.5.ffn'] },
  })
  expect(plans[0]!.components.map(({ key }) => key)).toEqual(['blk.5.ffn'])
  await plan.getByRole('heading', { name: `${formatBytes(plans[0]!.sizeBytes)} of ${name}` }).waitFor()
  expect(await plan.locator('svg[role=img] > rect').count()).toBe(plans[0]!.ranges.length)
  const { members } = await client.call('closure', { body: { model, keys: ['blk.5.ffn'], scope: 'part' } })
  const needs = page.getByRole('region', { name: `What ${name} needs` })
  await needs.getByRole('heading', { name: `They need ${members.length - 1} besides` }).waitFor()
  for (const { key } of members) await needs.getByText(key, { exact: true }).waitFor()

  await page.getByLabel('What is added').selectOption('whole')
  await page.waitForURL(/closure=whole/)
  await plan.getByText('run: E1, exact').waitFor()
})

pageTest('query: one that cannot be read is refused in words', async ({ openAsOwner }) => {
  const page = await openAsOwner('/query', { expectedErrors: /400/ })
  await page.getByLabel('Query', { exact: true }).fill('colour:red')
  await page.keyboard.press('Enter')
  const alert = page.getByRole('alert')
  await alert.getByText('there is no field colour').waitFor()
  await alert.getByText('ERR_QUERY_INVALID').waitFor()
  expect(await page.getByLabel('Query', { exact: true }).getAttribute('aria-invalid')).toBe('true')
})

pageTest('query: a visitor is told what a sign-in adds, and asks nothing', async ({ open }) => {
  const page = await open('/query?q=kind:ffn')
  await page.getByText('Asking the query engine needs a sign-in').waitFor()
  expect(await page.getByRole('button', { name: 'Find', exact: true }).isDisabled()).toBe(true)
  await page.getByRole('button', { name: 'How to sign in' }).click()
  await page.getByRole('dialog').getByText('hart coordinator open').waitFor()
})

pageTest('sql: rows are those of the API; a column that is clicked stands in the statement', async (pages) => {
  const { client, openAsOwner } = pages
  await openModel(client)
  const sql = 'select key, kind, size_bytes from component order by key limit 7'
  const page = await openAsOwner('/query?view=sql')
  const editor = page.getByLabel('Statement')
  await editor.fill('select  from component order by key limit 7')
  await editor.evaluate((element: HTMLTextAreaElement) => element.setSelectionRange(7, 7))
  await page.getByText('parts of models').click()
  await page
    .getByRole('button', { name: /^kind\b/ })
    .first()
    .click()
  expect(await editor.inputValue()).toBe('select kind from component order by key limit 7')
  await editor.fill(sql)
  await page.keyboard.press('Control+Enter')
  const table = page.getByRole('region', { name: 'Rows', exact: true })
  await table.waitFor()
  const { rows } = await client.call('sql', { body: { sql } })
  expect(rows.length).toBe(7)
  const cells = await table
    .locator('tbody tr')
    .evaluateAll((lines) => lines.map((line) => [...line.querySelectorAll('td')].map((cell) => cell.textContent)))
  expect(cells).toEqual(rows.map((row) => row.map(String)))
  await table.getByText('size_bytes number').waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save CSV' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('rows.csv')
})

pageTest('sql: a wrong statement says why, and shows where', async ({ openAsOwner }) => {
  const sql = 'select key\n  fro component'
  const page = await openAsOwner(`/query?view=sql&sql=${encodeURIComponent(sql)}`, { expectedErrors: /400/ })
  await page.getByRole('alert').getByText('syntax error').waitFor()
  await page.getByRole('button', { name: 'Show line 2, column 7' }).click()
  const chosen = await page
    .getByLabel('Statement')
    .evaluate((element: HTMLTextAreaElement) => element.value.slice(element.selectionStart, element.selectionEnd))
  expect(chosen).toBe('component')
})

pageTest(
  'query: both ways to ask are accessible and stay within the window in each look',
  async ({ client, openAsOwner }) => {
    await openModel(client)
    await inEachLook(
      (options) => openAsOwner('/query?q=kind:ffn+layer:2-4', options),
      async (page, look) => {
        await page.locator('[data-found="blk.3.ffn"] input').check()
        await page.getByRole('region', { name: /^Plan for/ }).waitFor()
        await page.getByRole('region', { name: /needs$/ }).waitFor()
        await capture(page, `query-${look}`)
      },
    )
    await inEachLook(
      (options) => openAsOwner('/query?view=sql&sql=select+kind,+count(*)+as+n+from+component+group+by+kind', options),
      async (page, look) => {
        await page.getByRole('region', { name: 'Rows', exact: true }).waitFor()
        await page.getByText('parts of models').click()
        await capture(page, `sql-${look}`)
      },
    )
  },
)
