import { describe, expect, test } from 'vitest'
import { ClientAddresses } from './client-address.ts'

const from = (addresses: ClientAddresses, remoteAddress: string | undefined, forwarded?: string) =>
  addresses.of({ headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }, socket: { remoteAddress } })

describe('client address', () => {
  test('is that of the socket; what a stranger forwards counts for nothing', () => {
    const none = new ClientAddresses([])
    expect(from(none, '203.0.113.7')).toBe('203.0.113.7')
    expect(from(none, '::ffff:203.0.113.7')).toBe('203.0.113.7')
    expect(from(none, '203.0.113.7', '10.0.0.1')).toBe('203.0.113.7')
    expect(from(none, undefined)).toBe('')
  })

  test('of a trusted proxy it is the last one that was not a proxy of ours', () => {
    const some = new ClientAddresses(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
    expect(from(some, '127.0.0.1', '203.0.113.7')).toBe('203.0.113.7')
    expect(from(some, '::ffff:127.0.0.1', '1.1.1.1, 203.0.113.7, 10.1.2.3')).toBe('203.0.113.7')
    expect(from(some, 'fd00::1', '2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(from(some, '198.51.100.1', '203.0.113.7')).toBe('198.51.100.1')
    expect(from(some, '127.0.0.1', '203.0.113.7, nonsense')).toBe('127.0.0.1')
    expect(from(some, '127.0.0.1')).toBe('127.0.0.1')
    expect(from(some, '127.0.0.1', `${'10.0.0.1,'.repeat(100)}10.0.0.2`)).toBe('10.0.0.1')
  })

  test('of IPv6 it is the network, however it is written', () => {
    const none = new ClientAddresses([])
    const same = [
      '2001:db8::1',
      '2001:0DB8:0:0::2',
      '2001:db8:0:0:ffff:ffff:ffff:ffff',
      '2001:db8::a.b'.replace('a.b', '1.2.3.4'),
    ]
    for (const address of same) expect(from(none, address)).toBe('2001:db8:0:0::/64')
    expect(from(none, '2001:db8:0:1::1')).not.toBe(from(none, '2001:db8::1'))
    expect(from(none, 'fe80::1%eth0')).toBe('fe80:0:0:0::/64')
    expect(from(none, '::1')).toBe('0:0:0:0::/64')
  })
})
