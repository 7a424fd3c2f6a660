import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { openShardStore } from '../index.ts'
import { connectMssql } from './driver.ts'
import { storeErrorOf } from './errors.ts'
import { openMssqlStore, probeMssql } from './index.ts'
import { parseMssqlUrl } from './url.ts'

const password = 'Secret-of-the-test-1'

async function listen(onConnection: (socket: Socket) => void): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as { port: number }).port, close }
}

test('mssql driver: a port where nobody listens is unavailable, and the password is told to nobody', async () => {
  const { port, close } = await listen(() => {})
  close()
  const url = `mssql://hart@127.0.0.1:${port}/shard?encrypt=false`
  const error = await openMssqlStore({ url, password }).then(
    () => undefined,
    (reason: Error) => reason,
  )
  expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  expect(JSON.stringify([error, error!.message, error!.stack])).not.toContain(password)
})

test('mssql driver: a server that hangs up, or talks something else, is unavailable', async () => {
  for (const greet of [
    (socket: Socket) => socket.destroy(),
    (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  ]) {
    const { port, close } = await listen(greet)
    const url = `mssql://hart@127.0.0.1:${port}/shard?encrypt=false`
    await expect(openMssqlStore({ url, password })).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    await expect(probeMssql({ url, password })).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    close()
  }
})

test('mssql driver: a server that says nothing is given up', async () => {
  const { port, close } = await listen(() => {})
  const address = parseMssqlUrl(`mssql://hart@127.0.0.1:${port}/shard?encrypt=false`, 'storage.url')
  const error = await connectMssql({ address, password, connectTimeoutMs: 200 }).catch((reason: unknown) => reason)
  expect(storeErrorOf(error)).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  close()
})

test('mssql driver: the store worker opens the engine that the options name', async () => {
  const { port, close } = await listen(() => {})
  close()
  const url = `mssql://hart@127.0.0.1:${port}/shard?encrypt=false`
  await expect(openShardStore({ url, password })).rejects.toMatchObject({
    code: 'ERR_STORE_UNAVAILABLE',
    message: expect.stringContaining(String(port)),
  })
})
