/** Bonds of the swarm of `npm start`: lease and chain name each other, so that the pages may say who stands behind a node. */
import { expect } from 'vitest'
import { pageTest } from './browser.fixture.ts'

pageTest('bonds: each of the five nodes has one that its identity and the chain agree on', async ({ client }) => {
  const bound = async () => (await client.call('listStakes', {})).stakes.filter(({ isBound }) => isBound).length
  // An address that was no node when it was asked for is read again after a minute.
  await expect.poll(bound, { timeout: 100_000 }).toBe(5)
  const { delegates } = await client.call('listDelegates', {})
  expect(delegates.filter(({ peerId }) => peerId !== undefined)).toHaveLength(5)
})
