/** The page of a node: what it says is what the API says, for visitors, for the owner, and of nodes that are not there. */
import { expect } from 'vitest'
import { capture, inEachLook, pageTest } from './browser.fixture.ts'

pageTest('node: its state and why, what it holds, and what its score is made of', async ({ client, open }) => {
  const { nodes } = await client.call('listNodes', {})
  const { peerId } = nodes.find(({ models }) => models.length > 0)!
  const page = await open(`/nodes/${peerId}`)
  const node = await client.call('getNode', { params: { peerId } })
  const state = page.getByRole('region', { name: 'State' })
  await state.getByText(node.version, { exact: true }).waitFor()
  await expect
    .poll(async () => {
      const now = await client.call('getNode', { params: { peerId } })
      return (await state.getByText(now.state, { exact: true }).count()) > 0
    })
    .toBe(true)
  const held = page.getByRole('region', { name: 'Models that it holds' })
  for (const { name, modelId } of node.models) await held.getByRole('link', { name: name ?? modelId }).waitFor()
  const score = page.getByRole('region', { name: /^Score 0\.\d\d/ })
  for (const part of ['Everybody', 'Work', 'Stake', 'Income']) await score.getByText(part, { exact: true }).waitFor()
  const { newcomer } = node.standing.earned
  await score.getByText(`${newcomer.toFixed(2)} of 0.25`).waitFor()
})

pageTest('node: its receipts are for who signed in; a visitor is told so', async ({ client, open, openAsOwner }) => {
  const { nodes } = await client.call('listNodes', {})
  const path = `/nodes/${nodes[0]!.peerId}`
  const visitor = await open(path)
  await visitor.getByText('Sign in to see them').waitFor()
  const owner = await openAsOwner(path)
  const receipts = owner.getByRole('region', { name: 'Receipts of your jobs' })
  await receipts
    .getByText(/None|Due/)
    .first()
    .waitFor()
  expect(await owner.getByText('Sign in to see them').count()).toBe(0)
})

pageTest('node: one that is not seen says so, and what its owner can do', async ({ open }) => {
  const page = await open('/nodes/12D3KooWnobody', { expectedErrors: /404/ })
  await page.getByText('This coordinator does not see this node').waitFor()
  await page.getByText('hart status').waitFor()
})

pageTest('node: is accessible and stays within the window in light and dark, wide and narrow', async (pages) => {
  const { nodes } = await pages.client.call('listNodes', {})
  await inEachLook(
    (options) => pages.open(`/nodes/${nodes[0]!.peerId}`, options),
    async (page, look) => {
      await page.getByText(/There is no evidence against it|^Evidence against it/).waitFor()
      await capture(page, `node-${look}`)
    },
  )
})
