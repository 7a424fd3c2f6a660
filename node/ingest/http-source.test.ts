import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { readModelHeader } from './header.ts'
import { openHttpSource } from './http-source.ts'
import { memorySource, tinyModel } from './test-files.ts'
import { type Behaviour, type RangeServer, startRangeServer } from './test-server.ts'

const model = Buffer.concat([tinyModel(), Buffer.alloc(200_000, 7)])
let server: RangeServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

async function serve(behaviour: Behaviour = {}): Promise<{ url: string; requests: RangeServer['requests'] }> {
  await server?.close()
  server = await startRangeServer(() => model, behaviour)
  return { url: `${server.origin}/m.gguf`, requests: server.requests }
}

const open = (url: string) => openHttpSource(url, { retryMs: 1 })

describe('http source', () => {
  test('http source: a header is read by ranges and is the one of the file', async () => {
    const { url, requests } = await serve()
    const source = await openHttpSource(url, { authorization: 'Bearer x' })
    expect(source).toMatchObject({ sizeBytes: model.length, version: '"one"' })
    const header = await readModelHeader([source])
    expect(header.files).toEqual((await readModelHeader([memorySource(model)])).files)
    expect(requests.map(({ range }) => range)).toEqual(['bytes=0-65535'])
    expect(requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity', authorization: 'Bearer x' })
    expect(Buffer.from(await source.read(100_000, 50_000)).equals(model.subarray(100_000, 150_000))).toBe(true)
    await expect(source.read(model.length - 1, 2)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
  })

  test('http source: errors that pass are waited out, for a bounded number of attempts', async () => {
    const failing = (failures: number) => (_: IncomingMessage, response: ServerResponse, count: number) => {
      if (count > failures) return false
      if (count === 1) response.destroy()
      else response.writeHead(count === 2 ? 503 : 429, { 'retry-after': '0' }).end()
      return true
    }
    const passing = await serve({ before: failing(3) })
    expect((await open(passing.url)).sizeBytes).toBe(model.length)
    expect(passing.requests.length).toBe(4)
    const lasting = await serve({ before: failing(100) })
    await expect(open(lasting.url)).rejects.toMatchObject({ code: 'ERR_IO', fields: { reason: /429.*4 attempts/ } })
    expect(lasting.requests.length).toBe(4)
  })

  test('http source: an answer that ends early is asked for again', async () => {
    const { url, requests } = await serve({
      before: (_, response, count) => {
        if (count > 1) return false
        response.writeHead(206, { 'content-range': `bytes 0-65535/${model.length}` })
        response.end(model.subarray(0, 1000))
        return true
      },
    })
    expect((await open(url)).sizeBytes).toBe(model.length)
    expect(requests.length).toBe(2)
  })

  test('http source: a file that changes on the server is noticed', async () => {
    const state = { etag: '"one"' }
    const { url } = await serve(state)
    const source = await open(url)
    state.etag = '"two"'
    await expect(source.read(100_000, 10)).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
  })

  test('http source: servers without ranges, with wrong ranges, encodings or endless bodies are refused', async () => {
    const answers: [string, (response: ServerResponse) => void][] = [
      ['does not answer range requests', (response) => response.writeHead(200).end(model)],
      ['with the range ""', (response) => response.writeHead(206).end('x')],
      ['were asked for', (response) => response.writeHead(206, { 'content-range': 'bytes 5-9/300000' }).end('12345')],
      ['with the range', (response) => response.writeHead(206, { 'content-range': 'bytes 0-9/*' }).end('1234567890')],
      ['answered 403', (response) => response.writeHead(403).end()],
      ['is empty', (response) => response.writeHead(416).end()],
      [
        'encoded as gzip',
        (response) => {
          response.writeHead(206, { 'content-range': 'bytes 0-9/10', 'content-encoding': 'gzip' }).end('1234567890')
        },
      ],
      [
        'more bytes came',
        (response) => response.writeHead(206, { 'content-range': 'bytes 0-9/10' }).end(Buffer.alloc(5_000_000)),
      ],
    ]
    for (const [reason, answer] of answers) {
      const { url } = await serve({
        before: (_, response) => {
          answer(response)
          return true
        },
      })
      await expect(open(url), reason).rejects.toMatchObject({
        code: 'ERR_IO',
        fields: { reason: expect.stringContaining(reason) },
      })
    }
    const { url } = await serve({
      before: (_, response) => {
        response.writeHead(404).end()
        return true
      },
    })
    await expect(open(url)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  })

  test('http source: other schemes are refused, an abort ends the waiting', async () => {
    for (const url of ['file:///etc/passwd', 'ftp://a/b', 'no url', 'data:,x']) {
      await expect(open(url), url).rejects.toMatchObject({ code: 'ERR_USAGE' })
    }
    const { url } = await serve({ before: () => true })
    const controller = new AbortController()
    const opening = openHttpSource(url, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('stopped')), 20)
    await expect(opening).rejects.toThrow('stopped')
  })
})
