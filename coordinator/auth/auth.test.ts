import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createAccount, signPersonalMessage } from '#node/chain/index.ts'
import { createHttpServer, type HttpServer, type OwnerAuth, openOwnerAuth } from '#node/gateway/index.ts'
import { createLog } from '#node/log/index.ts'
import { noTracer } from '#node/telemetry/index.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { day, minute } from '#protocol/units.ts'
import { openEmbeddedStore, type ShardStore } from '#sql/store/index.ts'
import { type ApiServices, registerApi } from '../api/index.ts'
import type { Identity } from '../identity.ts'
import { type AuthAudit, assertScope, authConfig, authRoutes, coordinatorTenant, openAuth } from './index.ts'
import { LocalIssuer, makeSigningKey, type SigningKey, signToken } from './oidc/local-issuer.fixture.ts'
import { messageText } from './wallet/message.fixture.ts'

interface Answer {
  status: number
  headers: Record<string, unknown>
  /** What the routes of this file answer, and problems. */
  body: {
    code?: string
    detail?: string
    scopes: string[]
    quota?: object
    token: string
    statement: string
    nonce: string
    chainIds: number[]
    key: string
    keyId: string
    label: string
    credential: string
    keys: object[]
  }
}

describe('auth of a coordinator', () => {
  let folder: string
  let store: ShardStore
  let ownerAuth: OwnerAuth
  let ownerToken: string
  let issuer: LocalIssuer
  let key: SigningKey
  const clock = { nowMs: 1_800_000_000_000 }
  const closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hartonomous-auth-'))
    const tokenFile = join(folder, 'owner.token')
    ownerAuth = await openOwnerAuth({ tokenFile })
    ownerToken = (await readFile(tokenFile, 'utf8')).trim()
    store = await openEmbeddedStore({ path: ':memory:' })
    issuer = await new LocalIssuer().start()
    key = await makeSigningKey('RS256')
    issuer.published = [key.jwk as Record<string, unknown>]
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
    clock.nowMs += day
  })
  afterAll(async () => {
    await issuer.stop()
    await store.close()
    await rm(folder, { recursive: true })
  })

  /** A real server with the real store: what a coordinator has, without the swarm. */
  async function started(change: object = {}, isLoopbackOnly = true) {
    const issuers = [
      { issuer: issuer.url, audiences: ['api://hart'], roles: { admin: 'operator' }, defaultRole: 'member' },
    ]
    const config = authConfig.parse({ issuers, ...change })
    const audits: AuthAudit[] = []
    const keys = store.forTenant(coordinatorTenant)
    const auth = await openAuth({
      config,
      store: keys,
      ownerAuth,
      isLoopbackOnly,
      log: createLog({ level: 'silent', format: 'json' }),
      audit: (entry) => audits.push(entry),
      now: () => clock.nowMs,
    })
    const { publicUrls, allowedOrigins, hostNames } = config
    const options = {
      host: '127.0.0.1',
      port: 0,
      auth: ownerAuth,
      publicUrls,
      allowedOrigins,
      hostNames,
      isPublic: true,
    }
    const server: HttpServer = createHttpServer(options)
    authRoutes(server.app, auth, async (tenant) => auth.quotas.usage(tenant))
    server.app.post('/v1/chat/completions', async (request) => {
      const identity = await auth.identify(request, { isOpenAi: true })
      assertScope(identity, 'infer')
      return { method: identity.method }
    })
    // Of the API only the routes of keys are called here.
    const services: Pick<ApiServices, 'keys' | 'identify' | 'tracer'> & { node: { version: string } } = {
      tracer: noTracer,
      keys: auth.keys,
      identify: (request) => auth.identify(request),
      node: { version: '0' },
    }
    await registerApi(server.app, services as ApiServices)
    const { port } = await server.listen()
    closing.push(async () => {
      await server.close()
      await auth.close()
    })
    const call = (method: string, path: string, bearer?: string, body?: object, headers: object = {}) =>
      new Promise<Answer>((resolve, reject) => {
        const sent = {
          host: `127.0.0.1:${port}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...headers,
        }
        const request = httpRequest(
          { host: '127.0.0.1', port, method, path, headers: sent, agent: false },
          (response) => {
            let text = ''
            response.setEncoding('utf8').on('data', (part: string) => {
              text += part
            })
            response.on('end', () =>
              resolve({ status: response.statusCode!, headers: response.headers, body: JSON.parse(text || 'null') }),
            )
          },
        )
        request.on('error', reject)
        request.end(body === undefined ? undefined : JSON.stringify(body))
      })
    return { auth, audits, keys, call, me: (bearer?: string) => call('GET', '/api/v1/auth/me', bearer) }
  }
  const token = (claims: object = {}) =>
    signToken(key, { iss: issuer.url, aud: 'api://hart', sub: 'alice', exp: clock.nowMs / 1000 + 3600, ...claims })

  test('the owner, a token and nobody are told apart', async () => {
    const { me, audits } = await started()
    expect((await me(ownerToken)).body).toMatchObject({ tenant: 'local:owner', role: 'owner', method: 'owner' })
    expect((await me(ownerToken)).body.quota).toBeUndefined()
    const alice = (await me(await token())).body
    expect(alice).toMatchObject({
      tenant: `${issuer.url}#sub=alice`,
      role: 'member',
      quota: { jobs: 0, storedBytes: 0 },
    })
    expect(alice.scopes).not.toContain('admin')
    const nobody = await (await started({ publicNetwork: false })).me()
    expect([nobody.status, nobody.headers['www-authenticate'], nobody.body.code]).toEqual([401, 'Bearer', 'ERR_AUTH'])
    expect(audits).toEqual([])
    for (const wrong of [
      'x',
      `${ownerToken}x`,
      'hart_',
      'harts_00',
      `hart_${'0'.repeat(16)}_${'0'.repeat(64)}`,
      'eyJ.eyJ.x',
    ]) {
      expect([wrong, (await me(wrong)).status]).toEqual([wrong, 401])
    }
    expect(audits.map(({ event, address }) => `${event} ${address}`)).toEqual(Array(6).fill('sign-in-failed 127.0.0.1'))
    expect(JSON.stringify(audits)).not.toContain(ownerToken)
  })

  test('visitors see the network, each address by a quota of its own, and nothing where it is not public', async () => {
    const quota = { requestsPerMinute: 3, tokensPerDay: 1, concurrentJobs: 1, storedBytes: 1 }
    const { me, call } = await started({ quota })
    const visits = [await me(), await me(), await me(), await me()]
    expect(visits.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(visits[3]!.body.code).toBe('ERR_QUOTA')
    expect((await call('GET', '/api/v1/jobs')).status).not.toBe(200)
    const closed = await started({ publicNetwork: false })
    expect((await closed.me()).status).toBe(401)
  })

  test('a bearer token that is too long is refused before it is read', async () => {
    const { me } = await started()
    const long = await token({ padding: 'x'.repeat(7000) })
    expect((await me(long)).body.detail).toContain('8192 characters at most')
    expect((await me(await token({ padding: 'x'.repeat(4000) }))).status).toBe(200)
  })

  test('an API key is shown once, works for its tenant within its scopes, and is kept as a hash alone', async () => {
    const { auth, me, call, keys, audits } = await started()
    const alice = await auth.keys.create(await identityOf(auth, await token()), {
      label: 'CI',
      scopes: ['jobs:read', 'infer'],
    })
    expect((await me(alice.key)).body).toMatchObject({
      tenant: `${issuer.url}#sub=alice`,
      name: 'CI',
      role: 'member',
      scopes: ['jobs:read', 'infer'],
      method: 'api-key',
      credential: `key:${alice.keyId}`,
    })
    expect((await call('POST', '/v1/chat/completions', alice.key, {})).body).toEqual({ method: 'api-key' })
    const refused = await call('POST', '/api/v1/jobs', alice.key, {})
    expect([refused.status, refused.body.code]).toEqual([403, 'ERR_FORBIDDEN'])
    const secret = alice.key.split('_')[2]!
    const rows = await keys.listApiKeys(`${issuer.url}#sub=alice`)
    const text = JSON.stringify([rows, await auth.keys.list(await identityOf(auth, await token())), audits])
    expect(text).not.toContain(secret)
    expect(rows[0]!.hash.length).toBe(32)
    expect(audits.at(-1)).toMatchObject({ event: 'key-created', credential: `key:${alice.keyId}` })
    // Every digit counts.
    for (const at of [5, 20, 22, 85]) {
      const digit = alice.key[at] === '0' ? '1' : '0'
      expect((await me(alice.key.slice(0, at) + digit + alice.key.slice(at + 1))).status).toBe(401)
    }
  })

  test('a revoked key is worth nothing at once, at every coordinator over the store; an expired one too', async () => {
    const [one, two] = [await started(), await started()]
    const alice = await identityOf(one.auth, await token())
    const made = await one.auth.keys.create(alice, {
      label: 'a',
      scopes: ['jobs:read'],
      expiresAtMs: clock.nowMs + minute,
    })
    const other = await one.auth.keys.create(alice, { label: 'b', scopes: ['jobs:read'] })
    expect([(await one.me(made.key)).status, (await two.me(other.key)).status]).toEqual([200, 200])
    await one.auth.keys.revoke(alice, other.keyId)
    expect((await two.me(other.key)).body.detail).toContain('revoked')
    expect(one.audits.at(-1)).toMatchObject({ event: 'key-revoked', tenant: alice.tenant, reason: 'by its holder' })
    const count = one.audits.length
    await one.auth.keys.revoke(alice, other.keyId)
    expect(one.audits.length).toBe(count)
    clock.nowMs += minute
    expect((await one.me(made.key)).body.detail).toContain('expired')
  })

  test('keys of one tenant are unknown to another; an operator may revoke them', async () => {
    const { auth } = await started()
    const [alice, bob] = [await identityOf(auth, await token()), await identityOf(auth, await token({ sub: 'bob' }))]
    const operator = await identityOf(auth, await token({ sub: 'carol', roles: ['admin'] }))
    const made = await auth.keys.create(alice, { label: 'a', scopes: ['jobs:read'] })
    expect((await auth.keys.list(bob)).map(({ keyId }) => keyId)).not.toContain(made.keyId)
    expect(await codeOf(auth.keys.revoke(bob, made.keyId))).toBe('ERR_NOT_FOUND')
    expect(await codeOf(auth.keys.revoke(bob, 'nothing'))).toBe('ERR_NOT_FOUND')
    await auth.keys.revoke(operator, made.keyId)
    expect((await auth.keys.list(alice)).find(({ keyId }) => keyId === made.keyId)?.revokedAtMs).toBe(clock.nowMs)
  })

  test('nobody gives a key more than they have, and a key makes no keys', async () => {
    const { auth } = await started()
    const alice = await identityOf(auth, await token())
    expect(await codeOf(auth.keys.create(alice, { label: 'a', scopes: ['admin'] }))).toBe('ERR_FORBIDDEN')
    const made = await auth.keys.create(alice, { label: 'a', scopes: ['keys', 'jobs:read'] })
    const program = await identityOf(auth, made.key)
    expect(await codeOf(auth.keys.create(program, { label: 'b', scopes: ['jobs:read'] }))).toBe('ERR_FORBIDDEN')
    expect(await codeOf(auth.keys.create(alice, { label: 'c', scopes: ['query'], expiresAtMs: clock.nowMs }))).toBe(
      'ERR_USAGE',
    )
    const owner = await identityOf(auth, ownerToken)
    const strong = await auth.keys.create(owner, { label: 'd', scopes: ['admin', 'jobs:write'] })
    // Not the owner: what only the owner's token may do, no key may.
    expect(await identityOf(auth, strong.key)).toMatchObject({ role: 'operator', tenant: 'local:owner' })
  })

  test('keys are made, listed and revoked over HTTP', async () => {
    const { call, me } = await started()
    const alice = await token({ sub: 'dave' })
    const made = await call('POST', '/api/v1/keys', alice, { label: 'nightly', scopes: ['keys', 'jobs:read'] })
    expect([made.status, made.body.label, made.body.scopes]).toEqual([201, 'nightly', ['jobs:read', 'keys']])
    const { key: secret, keyId } = made.body
    expect((await me(secret)).body.credential).toBe(`key:${keyId}`)
    const listed = await call('GET', '/api/v1/keys', secret)
    expect(listed.body.keys).toMatchObject([
      { keyId, label: 'nightly', createdAtMs: clock.nowMs, lastUsedAtMs: clock.nowMs },
    ])
    expect(JSON.stringify(listed.body)).not.toContain(secret.split('_')[2]!)
    const more = await call('POST', '/api/v1/keys', secret, { label: 'more', scopes: ['jobs:read'] })
    expect([more.status, more.body.code]).toEqual([403, 'ERR_FORBIDDEN'])
    expect((await call('POST', '/api/v1/keys', alice, { label: 'x', scopes: ['owner'] })).status).toBe(400)
    expect((await call('POST', '/api/v1/keys', undefined, { label: 'x', scopes: ['query'] })).status).toBe(401)
    expect((await call('DELETE', `/api/v1/keys/${keyId}`, await token())).status).toBe(404)
    expect((await call('DELETE', `/api/v1/keys/${keyId}`, alice)).status).toBe(200)
    expect((await me(secret)).status).toBe(401)
  })

  test('the last use of a key reaches the store with others, never backwards', async () => {
    const { auth, keys } = await started()
    const alice = await identityOf(auth, await token())
    const made = await auth.keys.create(alice, { label: 'a', scopes: ['jobs:read'] })
    for (let use = 0; use < 5; use++) {
      clock.nowMs += 1000
      await identityOf(auth, made.key)
    }
    expect((await keys.getApiKey(made.keyId))?.lastUsedAtMs).toBeUndefined()
    await auth.close()
    expect((await keys.getApiKey(made.keyId))?.lastUsedAtMs).toBe(clock.nowMs)
  })

  test('a wallet signs in over HTTP and calls with its session', async () => {
    const { call, me, audits } = await started({
      wallets: { origins: ['https://app.example'], chainIds: [31337], addresses: 'any' },
    })
    const account = createAccount()
    const { body: challenge } = await call('POST', '/api/v1/auth/siwe/nonce')
    const message = messageText({
      domain: 'app.example',
      address: account.address,
      statement: challenge.statement,
      uri: 'https://app.example',
      chainId: challenge.chainIds[0]!,
      nonce: challenge.nonce,
      issuedAt: new Date(clock.nowMs).toISOString(),
    })
    const signature = `0x${Buffer.from(signPersonalMessage(account.privateKey, message)).toString('hex')}`
    const wrong = await call('POST', '/api/v1/auth/siwe', undefined, { message, signature: `0x${'11'.repeat(65)}` })
    expect([wrong.status, wrong.body.code]).toEqual([401, 'ERR_AUTH'])
    const { status, body, headers } = await call('POST', '/api/v1/auth/siwe', undefined, { message, signature })
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    expect((await me(body.token)).body).toMatchObject({ tenant: `eip155:31337:${account.address}`, method: 'siwe' })
    expect((await call('POST', '/api/v1/auth/siwe', undefined, { message, signature })).body.detail).toContain(
      'used before',
    )
    expect((await call('POST', '/api/v1/auth/siwe', undefined, { message: 'x', signature })).status).toBe(400)
    expect((await call('POST', '/api/v1/auth/siwe', undefined, {})).body.code).toBe('ERR_USAGE')
    expect(audits.map(({ event }) => event)).toEqual(['sign-in-failed', 'signed-in', 'sign-in-failed'])
    const closed = await started()
    expect((await closed.call('POST', '/api/v1/auth/siwe/nonce')).body.code).toBe('ERR_FORBIDDEN')
    expect((await closed.me(body.token)).body.detail).toContain('wallets do not sign in')
  })

  test('programs of this machine use models without a key, and nothing else', async () => {
    const { call, me } = await started()
    const chat = (bearer?: string, headers = {}, of = call) => of('POST', '/v1/chat/completions', bearer, {}, headers)
    expect((await chat()).body).toEqual({ method: 'anonymous' })
    expect((await chat('sk-anything')).body).toEqual({ method: 'anonymous' })
    expect((await me()).body).toMatchObject({ method: 'anonymous', role: 'reader', scopes: ['network:read'] })
    expect((await call('POST', '/api/v1/jobs', undefined, {})).status).toBe(401)
    // One of ours that is wrong is not taken for none.
    expect((await chat(`hart_${'0'.repeat(16)}_${'0'.repeat(64)}`)).status).toBe(401)
    for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      expect([name, (await chat(undefined, { [name]: '203.0.113.7' })).status]).toEqual([name, 401])
    }
    const host = { publicUrls: ['https://coordinator.example'] }
    const closed = [
      await started({ loopbackOpenAi: false }),
      await started({}, false),
      await started(host),
      await started({ hostNames: ['coordinator.lan'] }),
    ]
    for (const { call: of } of closed) expect((await chat(undefined, {}, of)).status).toBe(401)
    const listed = await started({ allowedOrigins: ['https://app.example'] })
    expect((await chat(undefined, { origin: 'https://app.example' }, listed.call)).status).toBe(401)
    expect((await chat(undefined, {}, listed.call)).status).toBe(200)
  })

  test('failures are limited by address; the owner is not locked out, and others are not either', async () => {
    const { me, audits, call } = await started({ attemptsPerMinute: 5, trustedProxies: ['127.0.0.1'] })
    for (let attempt = 0; attempt < 5; attempt++) expect((await me('wrong')).status).toBe(401)
    const refused = await me('wrong')
    expect([refused.status, refused.body.code, refused.headers['retry-after']]).toEqual([429, 'ERR_QUOTA', '12'])
    expect((await me(await token())).status).toBe(429)
    expect((await me(ownerToken)).status).toBe(200)
    const elsewhere = { 'x-forwarded-for': '203.0.113.7' }
    expect((await call('GET', '/api/v1/auth/me', await token(), undefined, elsewhere)).status).toBe(200)
    expect(audits.length).toBe(5)
    clock.nowMs += minute
    expect((await me(await token())).status).toBe(200)
  })

  test('requests of a tenant are limited, whatever it comes with; another one and the owner are not', async () => {
    const tenant = `${issuer.url}#sub=alice`
    const { me, auth } = await started({
      quota: { requestsPerMinute: 3 },
      tenantQuotas: { [`${issuer.url}#sub=bob`]: { requestsPerMinute: 100 } },
    })
    const made = await auth.keys.create(await identityOf(auth, await token()), { label: 'a', scopes: ['jobs:read'] })
    expect((await me(await token())).body).toMatchObject({ tenant, quota: { requestsLeft: 1, tokensLeft: 2_000_000 } })
    expect((await me(made.key)).status).toBe(200)
    const refused = await me(made.key)
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '20'])
    expect((await me(await token({ sub: 'carol' }))).status).toBe(200)
    for (let request = 0; request < 20; request++) {
      expect((await me(await token({ sub: 'bob' }))).status).toBe(200)
      expect((await me(ownerToken)).status).toBe(200)
    }
  })

  test('an issuer that is down is no fault of the caller', async () => {
    const down = await new LocalIssuer().start()
    const { url } = down
    await down.stop()
    const { me, audits } = await started({
      issuers: [{ issuer: url, audiences: ['api://hart'], defaultRole: 'member' }],
    })
    const answer = await me(await token({ iss: url }))
    expect([answer.status, answer.body.code]).toEqual([503, 'ERR_NO_SOURCE'])
    expect(answer.headers['retry-after']).toBeDefined()
    expect(audits).toEqual([])
  })
})

function identityOf(auth: Awaited<ReturnType<typeof openAuth>>, bearer: string): Promise<Identity> {
  return auth.identify({ headers: { authorization: `Bearer ${bearer}` }, method: 'GET', socket: {} })
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (isHartonomousError(error) ? error.code : String(error)),
  )
}
