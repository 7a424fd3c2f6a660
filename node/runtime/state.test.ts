import { expect, test } from 'vitest'
import { describeState, type StateFacts } from './state.ts'

const idle: StateFacts = {
  isStarting: false,
  isPaused: false,
  pausedBy: '',
  isDraining: false,
  failures: [],
  peersConnected: 2,
  peersConfigured: true,
  pledgeBytes: 100,
  heldBytes: 0,
  releasesKnown: 0,
  releasesRefused: 0,
  problems: [],
  transfers: [],
  uploadBytesPerSecond: 0,
  uploadPeers: 0,
  answersRunning: 0,
  refusals: '',
  action: undefined,
}

test('state: an idle node says why, and what would help', () => {
  expect(describeState({ ...idle, peersConnected: 0, peersConfigured: false })).toMatchObject({
    state: 'idle',
    reason: 'no peer is connected',
    help: expect.stringContaining('bootstrap'),
  })
  expect(describeState({ ...idle, pledgeBytes: 0 }).help).toContain('pledge.disk')
  expect(describeState(idle).reason).toContain('no model is known')
  expect(describeState({ ...idle, releasesKnown: 3, releasesRefused: 3 }).reason).toContain('policy refuses all 3')
  const refusals = 'served nobody in the last hour; 2 refused: 2 because nobody paid'
  expect(describeState({ ...idle, heldBytes: 5, refusals, action: 'lower the price' })).toEqual({
    state: 'idle',
    reason: `it holds 5 B and nobody asks for any of it now; it ${refusals}`,
    help: 'lower the price',
  })
})

test('state: failures come before everything, then the wishes of the owner', () => {
  const busy = { ...idle, uploadBytesPerSecond: 10, uploadPeers: 1 }
  expect(describeState({ ...busy, failures: ['the network worker stopped'], isPaused: true }).state).toBe('degraded')
  expect(describeState({ ...busy, isPaused: true }).state).toBe('paused')
  expect(describeState({ ...busy, isDraining: true }).state).toBe('draining')
  expect(describeState(busy)).toEqual({ state: 'serving', reason: 'sending 10 B/s to 1 peer' })
})

test('state: a fetch without sources says so', () => {
  const transfer = { name: 'm', bytesPerSecond: 0, sources: 0, heldChunks: 1, wantedChunks: 4, pausedBy: undefined }
  expect(describeState({ ...idle, transfers: [transfer] })).toMatchObject({
    state: 'fetching',
    reason: expect.stringContaining('no peer'),
  })
})
