import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { authConfig } from './config.ts'

const issuer = { issuer: 'https://sso.example', audiences: ['hart'], defaultRole: 'member' }
const isFine = (config: object) => authConfig.safeParse(config).success

describe('auth configuration', () => {
  test('every block of the guide is complete and valid', async () => {
    const guide = await readFile(new URL('../../docs/guides/coordinator-auth.md', import.meta.url), 'utf8')
    const blocks = Array.from(guide.matchAll(/```json\n([\s\S]*?)```/g), ([, text]) => JSON.parse(text!))
    expect(blocks.length).toBe(8)
    for (const block of blocks) {
      expect(Object.keys(block)).toEqual(['auth'])
      expect(authConfig.safeParse(block.auth).error?.issues ?? []).toEqual([])
    }
    expect(blocks.at(-1).auth.quota).toEqual(authConfig.parse({}).quota)
  })

  test('without any word it lets in the owner, keys, and programs of the machine', () => {
    const empty = { issuers: [], apiKeys: true, loopbackOpenAi: true, publicUrls: [], allowedOrigins: [] }
    expect(authConfig.parse({})).toMatchObject(empty)
    expect(authConfig.parse({}).wallets).toBeUndefined()
  })

  test('an issuer must be known by https, without ambiguity, and twice it may not stand', () => {
    expect(isFine({ issuers: [issuer] })).toBe(true)
    expect(isFine({ issuers: [issuer, issuer] })).toBe(false)
    const wrong = [
      'http://sso.example',
      'https://sso.example#x',
      'https://sso.example?x',
      'sso',
      'https://a:b@sso.example',
    ]
    for (const text of [
      ...wrong,
      'https://{tenantid}/{tenantid}',
      'http://127.0.0.1.evil.example',
      `https://${'x'.repeat(500)}`,
    ])
      expect([text, isFine({ issuers: [{ ...issuer, issuer: text }] })]).toEqual([text, false])
    for (const text of [
      'http://127.0.0.1:9000',
      'http://localhost:9000',
      'http://[::1]:9000',
      'https://sso.example/a/',
    ])
      expect([text, isFine({ issuers: [{ ...issuer, issuer: text }] })]).toEqual([text, true])
    for (const url of ['http://sso.example/keys', 'file:///keys', 'https://a:b@sso.example/keys'])
      expect(isFine({ issuers: [{ ...issuer, jwks: url }] })).toBe(false)
  })

  test('a multi-tenant issuer says which directories it means, and no other one does', () => {
    const many = { ...issuer, issuer: 'https://login.example/{tenantid}/v2.0' }
    const directory = '72f988bf-86f1-41af-91ab-2d7cd011db47'
    expect(isFine({ issuers: [many] })).toBe(false)
    for (const directories of ['any', [directory]]) {
      expect(isFine({ issuers: [{ ...many, directories }] })).toBe(true)
      expect(isFine({ issuers: [{ ...issuer, directories }] })).toBe(false)
    }
    for (const directories of ['all', [], ['contoso.example']])
      expect(isFine({ issuers: [{ ...many, directories }] })).toBe(false)
  })

  test('nobody becomes the owner, no algorithm has a shared secret, and unknown words are refused', () => {
    expect(isFine({ issuers: [{ ...issuer, defaultRole: 'owner' }] })).toBe(false)
    expect(isFine({ issuers: [{ ...issuer, roles: { a: 'owner' } }] })).toBe(false)
    for (const alg of ['HS256', 'none', 'RS1'])
      expect(isFine({ issuers: [{ ...issuer, algorithms: [alg] }] })).toBe(false)
    expect(isFine({ issuers: [{ ...issuer, audiences: [] }] })).toBe(false)
    expect(isFine({ isuers: [] })).toBe(false)
    expect(isFine({ quota: { tokensPerDay: 0 } })).toBe(false)
  })

  test('origins are origins, and proxies are addresses or networks', () => {
    for (const origin of [
      'https://app.example/',
      'https://app.example/x',
      'app.example',
      '*',
      'null',
      'https://*.example',
    ])
      expect([origin, isFine({ allowedOrigins: [origin] })]).toEqual([origin, false])
    expect(isFine({ allowedOrigins: ['https://app.example', 'http://localhost:5173'] })).toBe(true)
    for (const proxy of ['127.0.0.1', '::1', '10.0.0.0/8', 'fd00::/8'])
      expect(isFine({ trustedProxies: [proxy] })).toBe(true)
    for (const proxy of ['proxy', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', 'fd00::/129', '0/0'])
      expect([proxy, isFine({ trustedProxies: [proxy] })]).toEqual([proxy, false])
  })
})
