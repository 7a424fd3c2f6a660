import { expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { peerCacheMax } from '#protocol/limits.ts'
import { ShunnedPeers } from './shunned-peers.ts'

const peer = (name: string) => name as PeerId

test('shunned peers: are forgotten after their time, and the longer time counts', () => {
  let nowMs = 0
  const shunned = new ShunnedPeers(() => nowMs)
  shunned.shun(peer('liar'), 1000)
  shunned.shun(peer('liar'), 10)
  nowMs = 999
  expect([shunned.has(peer('liar')), shunned.has(peer('other'))]).toEqual([true, false])
  nowMs = 1000
  expect(shunned.has(peer('liar'))).toBe(false)
})

test('shunned peers: are bounded, oldest out', () => {
  const shunned = new ShunnedPeers(() => 0)
  for (let index = 0; index <= peerCacheMax; index++) shunned.shun(peer(`peer ${index}`), 1000)
  expect([shunned.has(peer('peer 0')), shunned.has(peer('peer 1'))]).toEqual([false, true])
})
