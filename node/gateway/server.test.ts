import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { minute } from '#protocol/units.ts'
import { type OwnerAuth, openOwnerAuth } from './owner-auth.ts'
import { createHttpServer, type HttpServer, ownerOnly } from './server.ts'

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

describe('http server', () => {
  let folder: string
  let auth: OwnerAuth
  let server: HttpServer
  let port: number
  let token: string
  let nowMs = 1_000_000
  const changes: string[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hartonomous-server-'))
    const tokenFile = join(folder, 'data', 'owner.token')
    auth = await openOwnerAuth({ tokenFile, clock: () => nowMs })
    token = (await readFile(tokenFile, 'utf8')).trim()
    server = createHttpServer({ host: '0.0.0.0', port: 0, auth, hostNames: ['node.lan'] })
    server.app.get('/healthz', async () => 'ok')
    server.app.post('/v1/echo', async (request) => request.body)
    await server.app.register(async (control) => {
      control.addHook('onRequest', ownerOnly(auth))
      control.get('/api/v1/secret', async () => ({ secret: 42 }))
      control.post('/api/v1/change', async (request) => {
        changes.push(JSON.stringify(request.body))
        return {}
      })
    })
    port = (await server.listen()).port
  })
  afterAll(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  /** With any headers: `fetch` would refuse to set some of them. */
  function call(method: string, path: string, headers: Record<string, string> = {}, body?: string, host = '127.0.0.1') {
    return new Promise<Answer>((resolve, reject) => {
      const sent = { host: `127.0.0.1:${port}`, ...headers }
      const request = httpRequest({ host, port, method, path, headers: sent, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }))
      })
      request.on('error', reject)
      request.end(body)
    })
  }
  const json = { 'content-type': 'application/json' }
  const bearer = () => ({ authorization: `Bearer ${token}` })
  const ownOrigin = () => ({ origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' })
  const login = async (oneTime: string) =>
    call('POST', '/api/v1/session', { ...json, ...ownOrigin() }, JSON.stringify({ token: oneTime }))
  const cookieOf = (answer: Answer) => ({ cookie: answer.headers['set-cookie']![0]!.split(';')[0]! })

  test('lets its own names pass', async () => {
    for (const host of [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      `LOCALHOST:${port}`,
      `[::1]:${port}`,
      `node.lan:${port}`,
    ]) {
      expect((await call('GET', '/healthz', { host })).status).toBe(200)
    }
    expect((await call('POST', '/v1/echo', { ...json, ...ownOrigin() }, '{"a":1}')).body).toBe('{"a":1}')
    expect((await call('GET', '/healthz', { 'sec-fetch-site': 'none' })).status).toBe(200)
  })

  test('refuses a foreign host name, which DNS rebinding would send', async () => {
    const hosts = [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1:${port + 1}`,
      '127.0.0.1',
      `127.0.0.1.evil.example:${port}`,
      `evil@127.0.0.1:${port}`,
    ]
    for (const host of hosts) {
      for (const path of ['/healthz', '/v1/echo', '/api/v1/secret', '/nowhere']) {
        expect([host, path, (await call('GET', path, { ...bearer(), host })).status]).toEqual([host, path, 403])
      }
    }
    expect((await call('GET', 'http://evil.example/healthz')).status).toBe(403)
    for (const head of ['GET /healthz HTTP/1.1\r\nHost:', 'GET /healthz HTTP/1.0']) {
      expect(await firstLine(port, `${head}\r\nConnection: close\r\n\r\n`)).toContain(' 403 ')
    }
  })

  test('refuses what a hostile page sends', async () => {
    const page = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }
    expect((await call('POST', '/v1/echo', { ...json, ...page }, '{}')).status).toBe(403)
    expect((await call('OPTIONS', '/v1/echo', { ...page, 'access-control-request-method': 'POST' })).status).toBe(403)
    // A sandboxed frame, another port of this machine (the same site to a browser), our address under https.
    for (const origin of ['null', `http://127.0.0.1:${port + 1}`, 'http://127.0.0.1', `https://127.0.0.1:${port}`]) {
      expect((await call('POST', '/v1/echo', { ...json, origin }, '{}')).status).toBe(403)
    }
    // An image or a link: no Origin, but the browser says where it comes from.
    for (const site of ['cross-site', 'same-site']) {
      expect((await call('GET', '/healthz', { 'sec-fetch-site': site })).status).toBe(403)
    }
    // A form: a simple request that is sent without asking.
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const answer = await call('POST', '/v1/echo', { 'content-type': type }, '{"a":1}')
      expect(answer.status).toBe(415)
    }
    const answer = await call('GET', '/healthz')
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
  })

  test('asks for the owner token on control routes', async () => {
    const missing = await call('GET', '/api/v1/secret')
    expect(missing.status).toBe(401)
    expect(missing.headers['content-type']).toContain('application/problem+json')
    expect(JSON.parse(missing.body)).toMatchObject({ code: 'ERR_AUTH', status: 401 })
    for (const wrong of ['Bearer', 'Bearer x', `Bearer ${token}x`, `Basic ${token}`, `Bearer ${token.slice(0, -1)}`]) {
      expect((await call('GET', '/api/v1/secret', { authorization: wrong })).status).toBe(401)
    }
    expect((await call('GET', '/api/v1/secret', bearer())).body).toBe('{"secret":42}')
    expect((await call('POST', '/api/v1/change', json, '{"by":"nobody"}')).status).toBe(401)
    expect(changes).toEqual([])
  })

  test('gives a browser a session for a one-time token, once', async () => {
    const oneTime = auth.createOneTimeToken()
    const answer = await login(oneTime)
    expect(answer.status).toBe(204)
    expect(answer.headers['set-cookie']![0]).toMatch(/; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/)
    const cookie = cookieOf(answer)
    expect((await call('GET', '/api/v1/secret', { ...cookie, ...ownOrigin() })).status).toBe(200)
    expect((await call('POST', '/api/v1/change', { ...json, ...cookie, ...ownOrigin() }, '{"by":"page"}')).status).toBe(
      200,
    )
    expect(changes).toEqual(['{"by":"page"}'])
    expect((await login(oneTime)).status).toBe(401)
    expect((await login(token)).status).toBe(401)
    expect((await login('x')).status).toBe(401)
    // The cookie alone changes nothing: a request of our own page names its origin.
    expect((await call('POST', '/api/v1/change', { ...json, ...cookie }, '{"by":"none"}')).status).toBe(401)
    await call('DELETE', '/api/v1/session', { ...cookie, ...ownOrigin() })
    expect((await call('GET', '/api/v1/secret', { ...cookie, ...ownOrigin() })).status).toBe(401)
  })

  test('gives links to its owner alone', async () => {
    const refused = await call('POST', '/api/v1/session/links', json, '{}')
    expect(refused.status).toBe(401)
    const answer = await call('POST', '/api/v1/session/links', { ...json, ...bearer() }, '{}')
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store'])
    const link = JSON.parse(answer.body) as { token: string; ttlMs: number }
    expect(link.ttlMs).toBe(10 * minute)
    expect((await login(link.token)).status).toBe(204)
    expect((await login(link.token)).status).toBe(401)
  })

  test('forgets one-time tokens and sessions after their time', async () => {
    const late = auth.createOneTimeToken()
    nowMs += 11 * minute
    expect((await login(late)).status).toBe(401)
    const cookie = cookieOf(await login(auth.createOneTimeToken()))
    expect((await call('GET', '/api/v1/secret', cookie)).status).toBe(200)
    nowMs += 13 * 60 * minute
    expect((await call('GET', '/api/v1/secret', cookie)).status).toBe(401)
  })

  test('remembers a bounded number of one-time tokens', async () => {
    const first = auth.createOneTimeToken()
    for (let i = 0; i < 16; i++) auth.createOneTimeToken()
    expect((await login(first)).status).toBe(401)
  })

  test('asks for the owner token on every route from another machine', async () => {
    const address = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .find((each) => each.family === 'IPv4' && !each.internal)?.address
    if (address === undefined) return console.log('skipped: this machine has no address beside loopback')
    const host = { host: `node.lan:${port}` }
    expect((await call('GET', '/healthz', host, undefined, address)).status).toBe(401)
    expect((await call('GET', '/healthz', { ...host, ...bearer() }, undefined, address)).status).toBe(200)
  })

  test('says which port is taken', async () => {
    const second = createHttpServer({ host: '127.0.0.1', port, auth })
    const error = await second.listen().catch((reason: unknown) => reason)
    expect(isHartonomousError(error, 'ERR_PORT_IN_USE') && error.fields.address).toBe(`127.0.0.1:${port}`)
    await second.close()
  })
})

/** A request that the http client would not write. */
async function firstLine(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.write(text)
  let answer = ''
  for await (const part of socket) answer += part
  return answer.split('\r\n')[0]!
}

describe('owner token', () => {
  test('keeps sessions over a restart by their hashes, and not those that were ended or ran out', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hartonomous-sessions-'))
    const files = { tokenFile: join(folder, 'owner.token'), sessionsFile: join(folder, 'owner.sessions.json') }
    let nowMs = 1_000_000
    const open = () => openOwnerAuth({ ...files, clock: () => nowMs })
    const request = (session: string) => ({
      method: 'GET',
      headers: { cookie: `hartonomous_7411=${session}` },
      socket: { localPort: 7411 },
    })
    const first = await open()
    const [kept, ended] = [
      await first.exchange(first.createOneTimeToken()),
      await first.exchange(first.createOneTimeToken()),
    ]
    await first.endSession(request(ended!) as never)
    const text = await readFile(files.sessionsFile, 'utf8')
    expect(text).not.toContain(kept)
    expect((await stat(files.sessionsFile)).mode & 0o777).toBe(0o600)
    const again = await open()
    expect([again.isOwner(request(kept!)), again.isOwner(request(ended!))]).toEqual([true, false])
    nowMs += 13 * 60 * minute
    expect((await open()).isOwner(request(kept!))).toBe(false)
    await writeFile(files.sessionsFile, 'no list')
    expect((await open()).isOwner(request(kept!))).toBe(false)
    await rm(folder, { recursive: true })
  })

  test('is made once, for the owner alone, also by nodes that start at the same time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hartonomous-token-'))
    try {
      const tokenFile = join(folder, 'owner.token')
      const tokens = await Promise.all(
        Array.from({ length: 8 }, async () => {
          await openOwnerAuth({ tokenFile })
          return readFile(tokenFile, 'utf8')
        }),
      )
      expect(new Set(tokens).size).toBe(1)
      expect((await stat(tokenFile)).mode & 0o777).toBe(0o600)
      expect(await readdir(folder)).toEqual(['owner.token'])
      await writeFile(tokenFile, 'short')
      const error = await openOwnerAuth({ tokenFile }).catch((reason: unknown) => reason)
      expect(isHartonomousError(error, 'ERR_IO')).toBe(true)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
