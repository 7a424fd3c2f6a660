import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { addressFromBytes, parseAddress } from '#protocol/ids.ts'
import { messageText } from './message.fixture.ts'
import { parseSignInMessage, type SignInMessage } from './message.ts'

const address = parseAddress('0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2')
const plain = {
  domain: 'service.example',
  address,
  uri: 'https://service.example/login',
  chainId: 1,
  nonce: '32891756',
  issuedAt: '2021-09-30T16:25:24Z',
}
const full = {
  ...plain,
  scheme: 'https',
  statement: 'I accept the ServiceOrg Terms of Service: https://service.example/tos',
  expires: '2021-10-01T16:25:24.123+02:00',
  notBefore: '2021-09-30t16:25:24z',
  requestId: 'a-b_c:1@2%20',
  resources: ['ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/', 'https://x.example/a?b=c#d'],
}

const isRefused = (text: string) => {
  try {
    parseSignInMessage(text)
    return false
  } catch (error) {
    if (isHartonomousError(error, 'ERR_USAGE')) return true
    throw error
  }
}

const characters = (from: string, minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom(...from), { minLength, maxLength }).map((all) => all.join(''))
const time = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString())
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
const uri = fc.oneof(
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.constantFrom('urn:a:b', 'a:', 'a:/b'),
)
const anyMessage = fc.record({
  scheme: maybe(fc.constantFrom('https', 'http', 'x+y.z-1')),
  domain: fc.oneof(fc.domain(), fc.constantFrom('localhost:8080', '[::1]:80', 'user@host', '127.0.0.1')),
  address: fc.uint8Array({ minLength: 20, maxLength: 20 }).map(addressFromBytes),
  statement: maybe(characters("abcXYZ 09._~-:/?#[]@!$&'()*+,;=", 1, 60)),
  uri,
  chainId: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  nonce: characters('abcXYZ019', 8, 40),
  issuedAt: time,
  expires: maybe(time),
  notBefore: maybe(time),
  requestId: maybe(characters('abZ0-._~:@!$', 0, 20)),
  resources: maybe(fc.array(uri, { maxLength: 4 })),
})

describe('sign-in message', () => {
  test('the shortest and the fullest form are read whole', () => {
    expect(parseSignInMessage(messageText(plain))).toEqual({
      domain: 'service.example',
      address,
      uri: plain.uri,
      chainId: 1,
      nonce: '32891756',
      issuedAtMs: Date.parse(plain.issuedAt),
    } satisfies SignInMessage)
    expect(parseSignInMessage(messageText(full))).toEqual({
      scheme: 'https',
      domain: 'service.example',
      address,
      statement: full.statement,
      uri: plain.uri,
      chainId: 1,
      nonce: '32891756',
      issuedAtMs: Date.parse(plain.issuedAt),
      expiresAtMs: Date.parse(full.expires),
      notBeforeMs: Date.parse(full.notBefore.toUpperCase()),
      requestId: full.requestId,
      resources: full.resources,
    } satisfies SignInMessage)
  })

  test('whatever the template writes is read back field by field', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const defined = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined))
        const { issuedAt, expires, notBefore, ...same } = defined as unknown as typeof full
        const read = parseSignInMessage(messageText(defined as unknown as typeof full))
        expect(read).toEqual({
          ...same,
          issuedAtMs: Date.parse(issuedAt),
          ...(expires === undefined ? {} : { expiresAtMs: Date.parse(expires) }),
          ...(notBefore === undefined ? {} : { notBeforeMs: Date.parse(notBefore) }),
        })
      }),
      { numRuns: 500 },
    )
  })

  test('no line may be missing, doubled, moved or out of shape', () => {
    const lines = messageText(full).split('\n')
    for (const [at, line] of lines.entries()) {
      const without = lines.toSpliced(at, 1).join('\n')
      const isOptional = /^(I accept|Expiration Time|Not Before|Request ID|- )/.test(line)
      expect([line, isRefused(without)]).toEqual([line, !isOptional])
      if (!line.startsWith('- ')) expect(isRefused(lines.toSpliced(at, 0, line).join('\n'))).toBe(true)
      expect(isRefused(lines.with(at, `${line} `).join('\n'))).toBe(line !== full.statement)
      expect(isRefused(lines.with(at, `${line}\r`).join('\n'))).toBe(true)
    }
    const text = messageText(full)
    for (const other of [`${text}\n`, ` ${text}`, text.replaceAll('\n', '\r\n'), '', text.replace('wants', 'Wants')]) {
      expect(isRefused(other)).toBe(true)
    }
  })

  test('a field with a value that may not stand there is refused', () => {
    const wrong: Partial<typeof full>[] = [
      { domain: '' },
      { domain: 'a b' },
      { domain: 'a/b' },
      { domain: 'ünicode.example' },
      { statement: 'tab\there' },
      { statement: 'quote "' },
      { statement: 'percent %20' },
      { uri: '/relative' },
      { uri: 'https://a b' },
      { uri: 'https://a/%zz' },
      { uri: 'https://a#b#c' },
      { nonce: '1234567' },
      { nonce: '12345678-' },
      { issuedAt: '2021-02-29T00:00:00Z' },
      { issuedAt: '2021-09-30 16:25:24Z' },
      { issuedAt: '2021-09-30T24:00:00Z' },
      { issuedAt: '2021-09-30T16:25:60Z' },
      { issuedAt: '2021-09-30T16:25:24' },
      { expires: 'tomorrow' },
      { requestId: 'a b' },
      { resources: ['no uri'] },
      { chainId: 1.5 },
      { chainId: 2 ** 53 },
      { chainId: -1 },
    ]
    for (const change of wrong) expect([change, isRefused(messageText({ ...full, ...change }))]).toEqual([change, true])
    const text = messageText(full)
    const checksummed = '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2'
    expect(text).toContain(checksummed)
    expect(isRefused(text.replace(checksummed, address))).toBe(true)
    expect(isRefused(text.replace(checksummed, checksummed.toUpperCase().replace('0X', '0x')))).toBe(true)
    expect(isRefused(text.replace('Version: 1', 'Version: 2'))).toBe(true)
    expect(isRefused(text.replace('Chain ID: 1', 'Chain ID: 01'))).toBe(true)
    expect(isRefused(messageText({ ...full, statement: 'x'.repeat(5000) }))).toBe(true)
  })

  test('any text is read or refused, without endless backtracking, and one changed character never gives the same message', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => messageText(full) + text),
        ),
        (text) => {
          isRefused(text)
        },
      ),
    )
    const text = messageText(full)
    const read = JSON.stringify(parseSignInMessage(text))
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
        (at, character) => {
          const other = text.slice(0, at) + character + text.slice(at + 1)
          if (other === text || isRefused(other)) return
          // T and Z of a time may be of either case.
          if (other.toUpperCase() === text.toUpperCase() && /[tz]/i.test(character)) return
          expect(JSON.stringify(parseSignInMessage(other))).not.toBe(read)
        },
      ),
      { numRuns: 1000 },
    )
    // Long runs of what several rules could take: backtracking would never end.
    for (const run of ['a', '%41', 'a@', ':', '/', '[:', 'a:b@']) {
      isRefused(messageText({ ...plain, uri: `a://${run.repeat(900)}"` }))
      isRefused(messageText({ ...plain, domain: `${run.repeat(900)}"` }))
    }
  })
})
