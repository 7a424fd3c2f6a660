import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SettingView } from '#protocol/api/settings.ts'
import type { ModelId } from '#protocol/ids.ts'
import { GiB, MiB } from '#protocol/units.ts'
import { hartIn } from '../cli/run.fixture.ts'
import { ingest, smallModel, type TestNode, TestNodes, until } from './node.fixture.ts'

let nodes: TestNodes
let node: TestNode
let peer: TestNode

beforeAll(async () => {
  nodes = await TestNodes.create()
  node = await nodes.start('changed', [], { 'pledge.disk': 10 * MiB })
  peer = await nodes.start('peer', [node])
})
afterAll(() => nodes.close())

const change = (settings: Record<string, SettingView['value'] | null>) => node.controller.changeSettings({ settings })
const keptIn = async (one: TestNode) => JSON.parse(await readFile(join(one.dataDir, 'config.json'), 'utf8'))
const leaseSeen = () => peer.node.parts.leases.get(node.node.parts.network.peerId as never)?.signed.lease

test('settings: what is changed is kept in the file, in force at once, and seen by peers', async () => {
  const { applied, waiting, settings } = await change({
    'data.uploadRate': '5MiB',
    'pledge.disk': '2GiB',
    region: 'DE',
    'inference.slots': 5,
  })
  expect([applied, waiting]).toEqual([['data.uploadRate', 'pledge.disk', 'region'], ['inference.slots']])
  expect(await keptIn(node)).toEqual({
    'data.uploadRate': 5 * MiB,
    'pledge.disk': 2 * GiB,
    region: 'DE',
    'inference.slots': 5,
  })
  const { caps, pledge } = await node.controller.status()
  expect([caps.uploadBytesPerSecond, pledge.diskBytes]).toEqual([5 * MiB, 2 * GiB])
  const byKey = new Map(settings.map((setting) => [setting.key, setting]))
  expect(byKey.get('inference.slots')).toMatchObject({ value: 2, nextValue: 5, takesEffect: 'restart' })
  // It was started with a flag, which is there again at its next start.
  expect(byKey.get('pledge.disk')).toMatchObject({ value: 2 * GiB, origin: 'file', overriddenBy: 'flag' })
  await until('the peer to hear of it', () => leaseSeen()?.region === 'DE' && leaseSeen()?.diskFreeBytes === 2 * GiB)
  expect(node.said.some((event) => event.event === 'settings' && event.keys.includes('region'))).toBe(true)
})

test('settings: one that cannot be read changes nothing of what came with it', async () => {
  const before = await keptIn(node)
  await expect(change({ 'data.downloadRate': '1MiB', region: 'Germany' })).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    fields: { key: 'region' },
  })
  await expect(change({ 'payment.owner': '0x00' })).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  await expect(change({ 'api.port': 7000 })).rejects.toThrow(/cannot be changed while the node runs/)
  await expect(change({ nonsense: 1 })).rejects.toMatchObject({ code: 'ERR_USAGE' })
  expect(await keptIn(node)).toEqual(before)
  expect((await node.controller.status()).caps.downloadBytesPerSecond).toBe(0)
})

test('settings: the command changes a node that runs, and says what waits for its next start', async () => {
  const hart = (...argv: string[]) => hartIn(node.dataDir, ['config', 'set', ...argv])
  expect((await hart('data.downloadRate', '3MiB')).stderr).toContain('the running node has taken it')
  expect((await node.controller.status()).caps.downloadBytesPerSecond).toBe(3 * MiB)
  expect((await hart('pledge.disk', '3GiB')).stderr).toContain('the flag it was started with goes before the file')
  expect((await hart('inference.slots', '4')).stderr).toContain('takes it at its next start')
  expect((await hart('api.port', '7433')).stderr).toContain('takes it at its next start')
  expect((await hart('region', 'xx')).status).toBe(2)
  await hart('data.downloadRate', '--unset')
  expect((await node.controller.status()).caps.downloadBytesPerSecond).toBe(0)
  expect(await keptIn(node)).toMatchObject({ 'api.port': 7433, 'inference.slots': 4 })
  expect(await keptIn(node)).not.toHaveProperty('data.downloadRate')
})

test('settings: a node that stops answering peers refuses them from then on, and counts it', async () => {
  const answering = await nodes.start('answering', [node], { 'inference.enabled': true, 'inference.gpu': 'off' })
  const modelId = (await ingest(answering, smallModel)) as ModelId
  const { peerId } = answering.node.parts.network
  const leaseOf = () => peer.node.parts.leases.get(peerId)?.signed.lease.models.find((one) => one.modelId === modelId)
  await until('the peer to hear that it answers', () => leaseOf()?.canInfer === true)
  await answering.controller.changeSettings({ settings: { 'inference.forPeers': false } })
  await until('the peer to hear that it does not', () => leaseOf()?.canInfer === false)
  const sampling = { temperature: 0, topP: 1, topK: 0, maxTokens: 2, stop: [] }
  const request = { modelId, prompt: { type: 'completion' as const, text: 'Hart' }, sampling }
  const ask = () => peer.node.answers.inferAt(peerId, request, { signal: AbortSignal.timeout(60_000) })
  await expect(ask()).rejects.toMatchObject({ code: 'ERR_REFUSED_BY_POLICY' })
  const { answers, help } = (await answering.controller.status()).activity
  expect(answers).toEqual({ served: 0, tokens: 0, refused: { policy: 1 } })
  expect(help).toContain('inference.forPeers true')
})

test('schedule: a node that is given hours in which it does not work pauses, says until when, and can be resumed by hand', async () => {
  const today = (['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const)[new Date().getDay()]!
  const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
  // Closed today and tomorrow: midnight may come while this runs.
  const at = days.indexOf(today)
  const open = [2, 3, 4, 5].map((ahead) => `${days[(at + ahead) % 7]} 08:00-10:00`)
  await change({ schedule: open })
  const paused = await node.controller.status()
  expect(paused).toMatchObject({ state: 'paused', schedule: { isOpen: false } })
  expect(paused.reason).toMatch(/^outside its schedule; goes on \w+day 08:00$/)
  await until('the peer to hear of it', () => leaseSeen()?.isPaused === true)
  await node.controller.resume()
  // What an earlier test asked for may still be under way.
  const status = () => node.controller.status()
  await expect.poll(status).toMatchObject({ state: 'idle', schedule: { override: 'running' } })
  await change({ schedule: null })
  await node.controller.pause()
  expect(await node.controller.status()).toMatchObject({ state: 'paused', reason: 'its owner paused it' })
  await node.controller.resume()
  await until('the peer to hear of it', () => leaseSeen()?.isPaused === false)
  expect(node.said.map(({ event }) => event)).toEqual(expect.arrayContaining(['paused', 'resumed']))
})
