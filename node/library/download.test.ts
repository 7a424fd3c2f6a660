import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { downloadModel } from './download.ts'

const modelFile = fileURLToPath(new URL('../../models/hartling/hartling-q8_0.gguf', import.meta.url))
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

let server: Server
let origin: string
let folder: string
let servedBytes = 0
let etag = '"one"'

/** A plain range server; after `cutAfterBytes` it cuts every connection. */
let cutAfterBytes = Number.POSITIVE_INFINITY

beforeEach(async () => {
  const bytes = await readFile(modelFile)
  folder = await mkdtemp(join(tmpdir(), 'hart-download-'))
  servedBytes = 0
  cutAfterBytes = Number.POSITIVE_INFINITY
  etag = '"one"'
  server = createServer((request, response) => {
    const match = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '')
    if (!match) return response.writeHead(400).end()
    const from = Number(match[1])
    const to = Math.min(Number(match[2]), bytes.length - 1)
    servedBytes += to - from + 1
    if (servedBytes > cutAfterBytes) return request.socket.destroy()
    response.writeHead(206, {
      'content-range': `bytes ${from}-${to}/${bytes.length}`,
      'content-length': to - from + 1,
      etag,
    })
    return response.end(bytes.subarray(from, to + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true, force: true })
})

const options = () => ({
  folder,
  huggingFaceOrigin: origin,
  onProgress: () => undefined,
  signal: AbortSignal.timeout(20_000),
})

test('download: a file of the hub arrives whole, by ranges', async () => {
  const seen: number[] = []
  const path = await downloadModel('hf:hartonomous/hartling/hartling-q8_0.gguf', {
    ...options(),
    onProgress: ({ doneBytes }) => seen.push(doneBytes),
  })
  const original = await readFile(modelFile)
  expect(sha256(await readFile(path))).toBe(sha256(original))
  expect(seen.at(-1)).toBe(original.length)
})

test('download: what is here already is not asked for again', async () => {
  const url = `${origin}/hartling-q8_0.gguf`
  const path = await downloadModel(url, options())
  servedBytes = 0
  expect(await downloadModel(url, options())).toBe(path)
  expect(servedBytes).toBeLessThan(1024 * 1024)
})

test('download: another version on the server begins again', async () => {
  const url = `${origin}/hartling-q8_0.gguf`
  await downloadModel(url, options())
  etag = '"two"'
  servedBytes = 0
  await downloadModel(url, options())
  expect(servedBytes).toBeGreaterThan(1_500_000)
})

test('download: an address that is no model is refused before its bytes are fetched', async () => {
  const text = createServer((_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 0-3/4', 'content-length': 4 }).end('nope')
  })
  await new Promise<void>((resolve) => text.listen(0, '127.0.0.1', resolve))
  const { port } = text.address() as AddressInfo
  await expect(downloadModel(`http://127.0.0.1:${port}/x.gguf`, options())).rejects.toMatchObject({
    code: 'ERR_MODEL_FILE',
  })
  text.close()
})
