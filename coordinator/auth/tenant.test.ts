import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAddress } from '#protocol/ids.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import { coordinatorTenant, ownerTenant, tenantOfClaims, tenantOfWallet } from './tenant.ts'

const issuer = fc.webUrl({ withFragments: false, withQueryParameters: false })
/** Such as try to look like something else. */
const subject = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  fc.constantFrom('#oid=x', '#sub=x', 'oid=x', ':', 'local:owner', 'eip155:1', 'x', 'x#sub=x'),
)
const claims = fc.oneof(
  subject.map((sub) => ({ sub })),
  subject.map((oid) => ({ oid })),
  fc.record({ oid: subject, sub: subject }),
)

const tryTenant = (from: string, of: { oid?: unknown; sub?: unknown }) => {
  try {
    return tenantOfClaims(from, of)
  } catch {
    return undefined
  }
}

describe('tenant', () => {
  test('two of (issuer, claim, subject) have one text only where they are the same', () => {
    const who = (from: string, of: { oid?: string; sub?: string }) =>
      JSON.stringify([from, of.oid === undefined ? 'sub' : 'oid', of.oid ?? of.sub])
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(issuer, claims, (from, of) => {
        const tenant = tryTenant(from, of)
        if (tenant === undefined) return
        expect(seen.get(tenant) ?? who(from, of)).toBe(who(from, of))
        seen.set(tenant, who(from, of))
      }),
      { numRuns: 2000 },
    )
    expect(seen.size).toBeGreaterThan(100)
  })

  test('no issuer and subject give a tenant of this machine, or of a wallet', () => {
    fc.assert(
      fc.property(fc.oneof(issuer, fc.string()), claims, (from, of) => {
        const tenant = tryTenant(from, of)
        expect([ownerTenant, coordinatorTenant]).not.toContain(tenant)
        if (tenant !== undefined) expect(/^eip155:\d+:0x[0-9a-f]{40}$/.test(tenant)).toBe(false)
      }),
    )
  })

  test('oid goes before sub, and the same text in both is two people', () => {
    const from = 'https://login.example/v2.0'
    expect(tenantOfClaims(from, { oid: 'a', sub: 'b' })).toBe('https://login.example/v2.0#oid=a')
    expect(tenantOfClaims(from, { sub: 'a' })).toBe('https://login.example/v2.0#sub=a')
  })

  test('an empty, long, broken or unprintable subject is refused, and never replaced by the other claim', () => {
    for (const oid of ['', 'x'.repeat(256), '\ud800', 'a\u0000b', 'a\nb', 7, null, {}]) {
      expect(() => tenantOfClaims('https://login.example', { oid, sub: 'fine' })).toThrow('not authorised')
    }
    expect(() => tenantOfClaims('https://login.example', {})).toThrow('no usable sub')
  })

  test('the store takes the longest of them', async () => {
    const store = await openEmbeddedStore({ path: ':memory:' })
    const from = `https://login.example/${'p'.repeat(490)}`
    const tenants = [
      tenantOfClaims(from, { oid: '🌍'.repeat(127) }),
      tenantOfWallet(Number.MAX_SAFE_INTEGER, parseAddress(`0x${'ab'.repeat(20)}`)),
    ]
    for (const tenant of tenants) {
      await store.forTenant(tenant).putSetting('mine', tenant)
      expect(await store.forTenant(tenant).getSetting('mine')).toBe(tenant)
    }
    await store.close()
  })
})
