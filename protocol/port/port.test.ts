import { MessageChannel } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { HartonomousError } from '../errors.ts'
import { messagePort } from './adapters.ts'
import { PortClient, servePort, transfer } from './index.ts'

const channels: MessageChannel[] = []
afterEach(() => {
  for (const channel of channels.splice(0)) channel.port1.close()
})

const methods = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  fail: () => {
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: 'x' })
  },
  bytes: () => {
    const value = new Uint8Array([1, 2, 3])
    return transfer(value, [value.buffer])
  },
  wait: (_: null, { signal }: { signal: AbortSignal }) =>
    new Promise<string>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
}

function open() {
  const channel = new MessageChannel()
  channels.push(channel)
  const server = servePort<typeof methods, { tick: number }>(messagePort(channel.port1), methods)
  return {
    server,
    channel,
    client: new PortClient<typeof methods, { tick: number }>(messagePort(channel.port2), 'test'),
  }
}

test('port: a call returns its value, and moved bytes arrive', async () => {
  const { client } = open()
  expect(await client.call('add', { a: 2, b: 3 })).toBe(5)
  expect([...(await client.call('bytes', null))]).toEqual([1, 2, 3])
})

test('port: an error keeps its code and fields', async () => {
  const { client } = open()
  await expect(client.call('fail', null)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', fields: { id: 'x' } })
})

test('port: an abort rejects with its reason and reaches the handler', async () => {
  const { client } = open()
  const controller = new AbortController()
  const call = client.call('wait', null, { signal: controller.signal })
  controller.abort(new Error('no longer wanted'))
  await expect(call).rejects.toThrow('no longer wanted')
})

test('port: calls fail when the other end goes away', async () => {
  const { client, channel } = open()
  const call = client.call('wait', null)
  channel.port1.close()
  await expect(call).rejects.toMatchObject({ code: 'ERR_WORKER_GONE' })
  await expect(client.call('add', { a: 1, b: 1 })).rejects.toMatchObject({ code: 'ERR_WORKER_GONE' })
})

test('port: events reach their listeners until they unsubscribe', async () => {
  const { client, server } = open()
  const seen: number[] = []
  const stop = client.on('tick', (n) => seen.push(n))
  server.emit('tick', 1)
  await client.call('add', { a: 0, b: 0 })
  stop()
  server.emit('tick', 2)
  await client.call('add', { a: 0, b: 0 })
  expect(seen).toEqual([1])
})
