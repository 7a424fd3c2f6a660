import { createHmac } from 'node:crypto'
import { exportSPKI, type JWTPayload } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { day, minute } from '#protocol/units.ts'
import { authConfig } from '../config.ts'
import { AccessTokens } from './access-tokens.ts'
import { LocalIssuer, makeSigningKey, type SigningKey, signToken } from './local-issuer.fixture.ts'

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const directory = '72f988bf-86f1-41af-91ab-2d7cd011db47'
const elsewhere = 'f8cdef31-a31e-4b4a-93e4-5f571e91255a'

describe('access tokens', () => {
  let issuer: LocalIssuer
  let rsa: SigningKey
  let ec: SigningKey
  let nowMs: number

  beforeAll(async () => {
    rsa = await makeSigningKey('RS256')
    ec = await makeSigningKey('ES256')
    issuer = await new LocalIssuer().start()
  })
  beforeEach(() => {
    nowMs = 1_800_000_000_000
    issuer.published = [rsa.jwk, ec.jwk] as Record<string, unknown>[]
    issuer.claimedIssuer = undefined
    issuer.answer = undefined
    issuer.requests.length = 0
  })
  afterAll(() => issuer.stop())

  /** With a memory of its own, as after a start. */
  function opened(change: object = {}): AccessTokens {
    const plain = { issuer: issuer.url, audiences: ['api://hart'], defaultRole: 'member' }
    return new AccessTokens(authConfig.parse({ issuers: [{ ...plain, ...change }] }).issuers, () => nowMs)
  }
  const claims = (change: JWTPayload = {}): JWTPayload => {
    const seconds = nowMs / 1000
    return { iss: issuer.url, aud: 'api://hart', sub: 'alice', iat: seconds, exp: seconds + 600, ...change }
  }
  const outcome = async (tokens: AccessTokens, token: string) => {
    try {
      return (await tokens.identify(token)).tenant
    } catch (error) {
      if (isHartonomousError(error, 'ERR_AUTH') || isHartonomousError(error, 'ERR_NO_SOURCE')) return error.message
      throw error
    }
  }

  test('one that is signed by a published key, for this audience and now, says who calls', async () => {
    const tokens = opened()
    for (const key of [rsa, ec, await makeSigningKey('PS256'), await makeSigningKey('EdDSA')]) {
      issuer.published.push(key.jwk as Record<string, unknown>)
      nowMs += minute
      const token = await signToken(key, claims({ jti: 'id-1', email: 'alice@example.org' }))
      expect(await tokens.identify(token)).toMatchObject({
        tenant: `${issuer.url}#sub=alice`,
        name: 'alice@example.org',
        role: 'member',
        method: 'oidc',
        credential: 'token:id-1',
      })
    }
    const several = await signToken(rsa, claims({ aud: ['other', 'api://hart'] }))
    expect(await outcome(tokens, several)).toBe(`${issuer.url}#sub=alice`)
  })

  test('oid beats sub, and two people of one or of two issuers never meet', async () => {
    const tokens = opened()
    const [alice, bob] = [{ sub: 'pairwise-1', oid: 'alice' }, { sub: 'alice' }]
    expect(await outcome(tokens, await signToken(rsa, claims(alice)))).toBe(`${issuer.url}#oid=alice`)
    expect(await outcome(tokens, await signToken(rsa, claims(bob)))).toBe(`${issuer.url}#sub=alice`)
    expect(await outcome(tokens, await signToken(rsa, claims({ oid: '', sub: 'alice' })))).toContain('no usable oid')

    const other = await new LocalIssuer().start()
    other.published = [ec.jwk as Record<string, unknown>]
    const both = [issuer.url, other.url].map((url) => ({
      issuer: url,
      audiences: ['api://hart'],
      defaultRole: 'member',
    }))
    const two = new AccessTokens(authConfig.parse({ issuers: both }).issuers, () => nowMs)
    expect(await outcome(two, await signToken(ec, claims({ iss: other.url })))).toBe(`${other.url}#sub=alice`)
    expect(await outcome(two, await signToken(ec, claims()))).toBe(`${issuer.url}#sub=alice`)
    // The other issuer has no such key: what one signs is nothing at the other.
    expect(await outcome(two, await signToken(rsa, claims({ iss: other.url })))).toContain('signed by no key')
    await other.stop()
  })

  test('a wrong audience, issuer or time is refused, with a minute for clocks', async () => {
    const tokens = opened()
    const seconds = nowMs / 1000
    const said = async (change: JWTPayload) => outcome(tokens, await signToken(rsa, claims(change)))
    expect(await said({ aud: 'api://other' })).toContain('another audience')
    expect(await said({ aud: [] })).toContain('another audience')
    expect(await said({ aud: undefined as never })).toContain('another audience')
    const before = issuer.requests.length
    for (const iss of [`${issuer.url}/`, 'http://127.0.0.1:1', 'https://evil.example', '', issuer.url.toUpperCase()]) {
      expect([iss, await said({ iss })]).toEqual([iss, expect.stringContaining('none that this coordinator trusts')])
    }
    expect(issuer.requests.length).toBe(before)
    expect(await said({ exp: seconds - 60 })).toContain('has expired')
    expect(await said({ exp: seconds - 59 })).toContain('#sub=alice')
    expect(await said({ exp: undefined as never })).toContain('exp is wrong or missing')
    expect(await said({ exp: 'tomorrow' as never })).toContain('exp is wrong or missing')
    expect(await said({ nbf: seconds + 61 })).toContain('not valid yet')
    expect(await said({ nbf: seconds + 60 })).toContain('#sub=alice')
  })

  test('a token that chooses its algorithm is refused: none, HMAC with the public key, another key type, an algorithm off the list', async () => {
    const tokens = opened({ algorithms: ['RS256'] })
    expect(await outcome(tokens, await signToken(rsa, claims()))).toContain('#sub=alice')
    for (const alg of ['none', 'None', 'NONE', '']) {
      const bare = `${base64({ alg, kid: rsa.kid })}.${base64(claims())}.`
      expect([alg, await outcome(tokens, bare)]).toEqual([alg, expect.stringMatching(/algorithm|no JWT/)])
    }
    const secrets = [await exportSPKI(rsa.publicKey), JSON.stringify(rsa.jwk), rsa.jwk.n!]
    for (const secret of [...secrets, ...secrets.map((text) => text.trim())]) {
      for (const [alg, hash] of [
        ['HS256', 'sha256'],
        ['RS256', 'sha256'],
        ['HS512', 'sha512'],
      ] as const) {
        const signed = `${base64({ alg, kid: rsa.kid })}.${base64(claims())}`
        const forged = `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
        expect(await outcome(tokens, forged)).toMatch(alg === 'RS256' ? /signature is wrong/ : /algorithm/)
      }
    }
    expect(await outcome(tokens, await signToken(ec, claims()))).toContain('algorithm')
    // An EC key under the name of an RSA key, and the other way round.
    const mixed = opened()
    expect(await outcome(mixed, await signToken(ec, claims(), { kid: rsa.kid }))).toContain('signed by no key')
    expect(await outcome(mixed, await signToken(rsa, claims(), { kid: ec.kid }))).toContain('signed by no key')
    // A key that the token brings along is no key of the issuer.
    const own = await makeSigningKey('RS256', rsa.kid)
    const brought = { jwk: own.jwk, jku: 'https://evil.example/keys', x5u: 'https://evil.example/cert' }
    expect(await outcome(mixed, await signToken(own, claims(), brought))).toContain('signature is wrong')
    expect(() =>
      authConfig.parse({ issuers: [{ issuer: issuer.url, audiences: ['a'], algorithms: ['HS256'] }] }),
    ).toThrow()
  })

  test('a key that is not for signatures, or for another algorithm, is not used', async () => {
    for (const change of [
      { use: 'enc' },
      { alg: 'PS256' },
      { key_ops: ['encrypt'] },
      { kty: 'oct' },
      { issuer: 'https://x' },
    ]) {
      issuer.published = [{ ...rsa.jwk, ...change }]
      expect(await outcome(opened(), await signToken(rsa, claims()))).toContain('signed by no key')
    }
  })

  test('changed, cut, padded and foreign texts are refused', async () => {
    const tokens = opened()
    const token = await signToken(rsa, claims())
    const [head = '', body = '', signature = ''] = token.split('.')
    const others = [
      `${head}.${base64(claims({ sub: 'bob' }))}.${signature}`,
      `${base64({ alg: 'RS256', kid: rsa.kid, crit: ['x'], x: 1 })}.${body}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${token}.${body}`,
      `${head}.${body}.${signature.slice(0, -4)}`,
      `${head}.${Buffer.from('[]').toString('base64url')}.${signature}`,
      `${head}.${Buffer.from('{').toString('base64url')}.${signature}`,
      'a.b.c',
      '..',
      '',
    ]
    for (const other of others)
      expect([other, await outcome(tokens, other)]).toEqual([other, expect.stringContaining('refused')])
  })

  test('the type of a token counts, where it says one and where one is wanted', async () => {
    const said = async (tokens: AccessTokens, header: object) => outcome(tokens, await signToken(rsa, claims(), header))
    const [any, strict] = [opened(), opened({ tokenType: 'at+jwt' })]
    for (const typ of ['at+jwt', 'application/at+jwt', 'AT+JWT']) {
      expect([await said(any, { typ }), await said(strict, { typ })]).toEqual(Array(2).fill(`${issuer.url}#sub=alice`))
    }
    expect(await said(any, { typ: 'JWT' })).toBe(`${issuer.url}#sub=alice`)
    expect(await said(strict, { typ: 'JWT' })).toContain('not at+jwt')
    expect(await said(strict, {})).toContain('not at+jwt')
    for (const typ of ['logout+jwt', 'dpop+jwt', 'secevent+jwt'])
      expect(await said(any, { typ })).toContain('no access token')
  })

  test('keys are fetched once, and rotation is noticed by the first token under a new key', async () => {
    const tokens = opened()
    const old = await signToken(rsa, claims())
    await Promise.all(Array.from({ length: 20 }, () => tokens.identify(old)))
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/keys'])

    const fresh = await makeSigningKey('RS256')
    issuer.published = [fresh.jwk as Record<string, unknown>]
    nowMs += minute
    expect(await outcome(tokens, await signToken(fresh, claims()))).toContain('#sub=alice')
    expect(issuer.requests.length).toBe(4)
    expect(await outcome(tokens, old)).toContain('signed by no key')
  })

  test('a key that the issuer withdrew is worth nothing soon after, without a token under a new one', async () => {
    const tokens = opened()
    expect(await outcome(tokens, await signToken(rsa, claims()))).toContain('#sub=alice')
    issuer.published = [ec.jwk as Record<string, unknown>]
    nowMs += 9 * minute
    expect(await outcome(tokens, await signToken(rsa, claims()))).toContain('#sub=alice')
    nowMs += 2 * minute
    // Nobody waits for the new keys: they are there a moment later.
    const token = await signToken(rsa, claims())
    await tokens.identify(token)
    await expect.poll(() => outcome(tokens, token)).toContain('signed by no key')
    expect(issuer.requests.length).toBe(4)
  })

  test('a flood of unknown keys asks the issuer twice a minute at most', async () => {
    const tokens = opened()
    await tokens.identify(await signToken(rsa, claims()))
    issuer.requests.length = 0
    for (let step = 0; step < 60; step++) {
      nowMs += 1000
      const flood = Array.from({ length: 5 }, (_, n) => signToken(rsa, claims(), { kid: `made-up-${step}-${n}` }))
      for (const token of flood) expect(await outcome(tokens, await token)).toContain('signed by no key')
    }
    // Discovery and keys, at 30 and 60 s.
    expect(issuer.requests.length).toBe(4)
  })

  test('a token without kid is checked only where there is no choice of keys', async () => {
    const bare = await signToken(rsa, claims(), { kid: undefined })
    expect(await outcome(opened(), bare)).toContain('#sub=alice')
    issuer.published.push((await makeSigningKey('RS256')).jwk as Record<string, unknown>)
    expect(await outcome(opened(), bare)).toContain('signed by no key')
  })

  test('with the issuer down known keys go on for a day; without them the answer says what is wrong', async () => {
    const tokens = opened()
    expect(await outcome(tokens, await signToken(rsa, claims()))).toContain('#sub=alice')
    await issuer.stop()
    try {
      for (const step of [11 * minute, 60 * minute, day / 2]) {
        nowMs += step
        expect(await outcome(tokens, await signToken(rsa, claims()))).toContain('#sub=alice')
      }
      const unreachable = /^no source for http:\/\/127.*\/openid-configuration: ECONNREFUSED$/
      expect(await outcome(opened(), await signToken(rsa, claims()))).toMatch(unreachable)
      // A key that is not known may be a new one: while nobody can say so, it is not called wrong.
      expect(await outcome(tokens, await signToken(rsa, claims(), { kid: 'new' }))).toMatch(unreachable)
      nowMs += day
      expect(await outcome(tokens, await signToken(rsa, claims()))).toMatch(unreachable)
      // Not asked again at once; the reason stays.
      expect(await outcome(tokens, await signToken(rsa, claims()))).toMatch(unreachable)
    } finally {
      await issuer.start()
    }
    nowMs += minute
    expect(await outcome(tokens, await signToken(rsa, claims()))).toContain('#sub=alice')
  })

  test('an answer that is too long, no JSON, a redirect or of another issuer gives no keys', async () => {
    const token = await signToken(rsa, claims())
    const said = async (change: Partial<LocalIssuer>) => {
      Object.assign(issuer, { answer: undefined, claimedIssuer: undefined, ...change })
      return outcome(opened(), token)
    }
    const keys = JSON.stringify({ keys: [rsa.jwk], padding: 'x'.repeat(300_000) })
    expect(await said({ answer: { status: 200, body: keys } })).toContain('more than 262144 bytes')
    expect(await said({ answer: { status: 200, body: '<html>' } })).toContain('no source for')
    expect(await said({ answer: { status: 200, body: '[]' } })).toContain('no JSON object')
    expect(await said({ answer: { status: 500, body: '{}' } })).toContain('status 500')
    const hijacker = await new LocalIssuer().start()
    Object.assign(hijacker, { claimedIssuer: issuer.url, published: [rsa.jwk] })
    const location = `${hijacker.url}/.well-known/openid-configuration`
    expect(await said({ answer: { status: 302, body: '', location } })).toContain('redirect')
    expect(hijacker.requests).toEqual([])
    await hijacker.stop()
    expect(await said({ claimedIssuer: 'https://other.example' })).toContain('document of another issuer')
    expect(await said({ answer: { status: 200, body: JSON.stringify({ issuer: issuer.url }) } })).toContain(
      'no jwks_uri',
    )
    const leak = { issuer: issuer.url, jwks_uri: 'http://evil.example/keys' }
    expect(await said({ answer: { status: 200, body: JSON.stringify(leak) } })).toContain('no https URL')
    expect(await said({})).toContain('#sub=alice')
  })

  test('a key set that is named needs no discovery', async () => {
    const tokens = opened({ jwks: `${issuer.url}/keys` })
    expect(await outcome(tokens, await signToken(rsa, claims()))).toContain('#sub=alice')
    expect(issuer.requests).toEqual(['/keys'])
  })

  test('a multi-tenant issuer lets in the directories on its list, each with its own iss', async () => {
    const template = `${issuer.url}/{tenantid}/v2.0`
    issuer.claimedIssuer = template
    const discovery = `${issuer.url}/organizations/v2.0/.well-known/openid-configuration`
    const [listed, any] = [[directory], 'any'].map((directories) =>
      opened({ issuer: template, discovery, directories }),
    )
    const said = async (tokens: AccessTokens, tid: unknown, of: unknown = tid) =>
      outcome(tokens, await signToken(rsa, claims({ iss: `${issuer.url}/${of}/v2.0`, tid, oid: 'alice' })))
    expect(await said(listed!, directory)).toBe(`${issuer.url}/${directory}/v2.0#oid=alice`)
    expect(await said(listed!, elsewhere)).toContain('none that this coordinator trusts')
    expect(await said(any!, elsewhere)).toBe(`${issuer.url}/${elsewhere}/v2.0#oid=alice`)
    // The claim and the issuer must be of one directory.
    for (const [tid, of] of [
      [directory, elsewhere],
      [elsewhere, directory],
      ['{tenantid}', '{tenantid}'],
      ['x', 'x'],
      [undefined, directory],
    ]) {
      expect(await said(any!, tid, of)).toContain('none that this coordinator trusts')
    }
    // A key of the set that signs for one directory alone, as Entra marks it.
    issuer.published = [{ ...rsa.jwk, issuer: `${issuer.url}/${directory}/v2.0` }]
    const marked = () => opened({ issuer: template, discovery, directories: 'any' })
    expect(await said(marked(), directory)).toContain('#oid=alice')
    expect(await said(marked(), elsewhere)).toContain('signed by no key')
    issuer.published = [{ ...rsa.jwk, issuer: template }]
    expect(await said(marked(), elsewhere)).toContain('#oid=alice')
  })

  test('roles and scopes come from the claims that the configuration maps, and from nothing else', async () => {
    const roles = { 'Hart.Admin': 'operator', 'Hart.User': 'member' }
    const scopes = { 'Jobs.Run': ['jobs:read', 'jobs:write', 'infer'], Everything: ['admin', 'keys'] }
    const tokens = opened({ roles, scopes, defaultRole: 'reader' })
    const said = async (of: AccessTokens, change: JWTPayload) => {
      const { role, scopes: actual } = await of.identify(await signToken(rsa, claims(change)))
      return [role, [...actual].sort().join(' ')]
    }
    expect(await said(tokens, { roles: ['Hart.User'], scp: 'Jobs.Run other' })).toEqual([
      'member',
      'infer jobs:read jobs:write',
    ])
    expect(await said(tokens, { roles: ['Hart.User', 'Hart.Admin'], scope: 'Everything' })).toEqual([
      'operator',
      'admin keys',
    ])
    expect(await said(tokens, { roles: ['Hart.User'], scp: 'Everything' })).toEqual(['member', 'keys'])
    expect(await said(tokens, { roles: ['owner', 'constructor', 7], scp: 'toString Jobs.Run' })).toEqual([
      'reader',
      'jobs:read',
    ])
    expect(await said(opened({ roles }), { roles: ['Hart.User'] })).toEqual([
      'member',
      'infer jobs:read jobs:write keys network:read query',
    ])
    const closed = opened({ roles, defaultRole: undefined })
    expect(await outcome(closed, await signToken(rsa, claims()))).toContain('none of its roles')
  })

  test('what a token calls itself reaches no log unless it is plain', async () => {
    const tokens = opened()
    const said = async (change: JWTPayload) => (await tokens.identify(await signToken(rsa, claims(change)))).credential
    expect(await said({ jti: 'b7f0-1' })).toBe('token:b7f0-1')
    expect(await said({ uti: 'AbC_d' })).toBe('token:AbC_d')
    for (const jti of ['', 'a b', '\u001b[2J', 'x'.repeat(65), '🌍'])
      expect(await said({ jti })).toMatch(/^token:[0-9a-f]{16}$/)
    const shown = await tokens.identify(await signToken(rsa, claims({ name: '\u001b[2JMal\nlory' })))
    expect(shown.name).toBe('[2JMallory')
  })

  test('a claim that is required must be there, with a value that is allowed', async () => {
    const tokens = opened({ requiredClaims: { azp: ['client-1', 'client-2'], scp: [] } })
    const said = async (change: JWTPayload) => outcome(tokens, await signToken(rsa, claims(change)))
    expect(await said({ azp: 'client-2', scp: 'x' })).toContain('#sub=alice')
    expect(await said({ azp: 'client-3', scp: 'x' })).toContain('claim azp')
    expect(await said({ azp: 'client-1' })).toContain('claim scp')
    expect(await said({ azp: 'client-1', scp: '' })).toContain('claim scp')
  })
})
