import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type OwnerAuth, openOwnerAuth } from './owner-auth.ts'
import { createHttpServer, type HttpServer, ownerOnly } from './server.ts'

/** fastify's own injection runs the same hooks; it comes from 127.0.0.1 and lets every header be set. */
describe('guard of a public server', () => {
  const page = 'https://app.example'
  let folder: string
  let auth: OwnerAuth
  let server: HttpServer
  let token: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hartonomous-guard-'))
    const tokenFile = join(folder, 'owner.token')
    auth = await openOwnerAuth({ tokenFile })
    token = (await readFile(tokenFile, 'utf8')).trim()
    server = createHttpServer({
      host: '127.0.0.1',
      port: 0,
      auth,
      publicUrls: ['https://coordinator.example'],
      allowedOrigins: [page],
      isPublic: true,
    })
    server.app.get('/open', async () => 'ok')
    server.app.post('/change', { onRequest: ownerOnly(auth) }, async () => 'changed')
  })
  afterAll(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  const call = (method: 'GET' | 'POST' | 'OPTIONS', url: string, headers: Record<string, string> = {}, from = '') =>
    server.app.inject({
      method,
      url,
      headers: { host: 'coordinator.example', ...headers },
      ...(from === '' ? {} : { remoteAddress: from }),
    })

  test('takes its public name, its own page there, and other machines', async () => {
    expect((await call('GET', '/open', {}, '203.0.113.7')).statusCode).toBe(200)
    expect((await call('GET', '/open', { origin: 'https://coordinator.example' })).statusCode).toBe(200)
    for (const host of ['evil.example', 'coordinator.example.evil.example', 'coordinator.example:444', 'localhost']) {
      expect([host, (await call('GET', '/open', { host })).statusCode]).toEqual([host, 403])
    }
    for (const origin of ['http://coordinator.example', 'https://coordinator.example:8443', 'null']) {
      expect([origin, (await call('GET', '/open', { origin })).statusCode]).toEqual([origin, 403])
    }
  })

  test('a person may follow a link from elsewhere; a page may neither fetch, frame nor post it', async () => {
    const followed = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    expect((await call('GET', '/open', followed)).statusCode).toBe(200)
    expect((await call('POST', '/change', followed)).statusCode).toBe(403)
    const others = [
      { 'sec-fetch-mode': 'cors' },
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
      { 'sec-fetch-dest': 'iframe' },
      { origin: 'https://evil.example' },
    ]
    for (const other of others)
      expect([other, (await call('GET', '/open', { ...followed, ...other })).statusCode]).toEqual([other, 403])
  })

  test('answers a page on the list, without credentials, and no other one', async () => {
    const asks = { 'access-control-request-method': 'POST', 'sec-fetch-site': 'cross-site' }
    const preflight = await call('OPTIONS', '/change', { ...asks, origin: page })
    expect(preflight.statusCode).toBe(204)
    expect(preflight.headers).toMatchObject({ 'access-control-allow-origin': page, vary: 'origin' })
    expect(preflight.headers['access-control-allow-headers']).toContain('authorization')
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined()
    const answer = await call('GET', '/open', { origin: page, 'sec-fetch-site': 'cross-site' })
    expect([answer.statusCode, answer.headers['access-control-allow-origin']]).toEqual([200, page])
    for (const origin of ['https://evil.example', 'https://app.example.evil.example', 'http://app.example', 'null']) {
      const refused = await call('OPTIONS', '/change', { ...asks, origin })
      expect([origin, refused.statusCode]).toEqual([origin, 403])
      expect(refused.headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  test('a page on the list may bring a token, but an owner cookie does not count for it', async () => {
    const session = (await auth.exchange(auth.createOneTimeToken()))!
    // Injected requests have no local port: so has the cookie's name.
    const cookie = { cookie: `hartonomous_undefined=${session}` }
    const own = { origin: 'https://coordinator.example' }
    expect((await call('POST', '/change', { ...cookie, ...own })).statusCode).toBe(200)
    expect((await call('POST', '/change', { ...cookie, origin: page })).statusCode).toBe(401)
    expect((await call('POST', '/change', { authorization: `Bearer ${token}`, origin: page })).statusCode).toBe(200)
  })
})
