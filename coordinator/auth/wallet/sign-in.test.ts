import { describe, expect, test } from 'vitest'
import { createAccount, signPersonalMessage } from '#node/chain/index.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { hour, minute } from '#protocol/units.ts'
import { authConfig } from '../config.ts'
import { TokenSealer } from '../sealed-token.ts'
import { type MessageText, messageText } from './message.fixture.ts'
import { WalletSignIn } from './sign-in.ts'

function setUp(change: object = {}) {
  const clock = { nowMs: 1_800_000_000_500 }
  const config = authConfig.parse({
    wallets: {
      origins: ['https://app.example', 'http://localhost:7413'],
      chainIds: [1, 31337],
      addresses: 'any',
      ...change,
    },
  })
  const account = createAccount()
  const sealer = new TokenSealer()
  const open = (of = sealer) => new WalletSignIn(config.wallets!, of, () => clock.nowMs)
  const wallets = open()
  const message = (changed: Partial<MessageText> = {}) =>
    messageText({
      domain: 'app.example',
      address: account.address,
      statement: 'Sign in.',
      uri: 'https://app.example/login',
      chainId: 1,
      nonce: wallets.challenge().nonce,
      issuedAt: new Date(clock.nowMs).toISOString(),
      ...changed,
    })
  const sign = (text: string, by = account) =>
    `0x${Buffer.from(signPersonalMessage(by.privateKey, text)).toString('hex')}`
  const reason = (work: () => unknown) => {
    try {
      work()
      return undefined
    } catch (error) {
      if (isHartonomousError(error, 'ERR_AUTH')) return error.fields.reason
      throw error
    }
  }
  const refusal = (text: string, signature = sign(text)) => reason(() => wallets.signIn(text, signature))
  return { clock, account, sealer, open, wallets, message, sign, reason, refusal }
}

describe('wallet sign-in', () => {
  test('a signed message gives a session of the account, for an hour', () => {
    const { clock, account, wallets, message, sign, reason } = setUp()
    const text = message()
    const { token, identity, expiresAtMs } = wallets.signIn(text, sign(text))
    expect(identity).toMatchObject({ tenant: `eip155:1:${account.address}`, role: 'member', method: 'siwe' })
    expect(identity.scopes.has('admin')).toBe(false)
    expect(wallets.identify(token)).toEqual(identity)
    expect(token).not.toContain(identity.credential.slice('session:'.length))
    expect(expiresAtMs).toBe(Math.floor((clock.nowMs + hour) / 1000) * 1000)
    clock.nowMs += hour
    expect(reason(() => wallets.identify(token))).toContain('too old')
  })

  test('one account on two chains is two tenants', () => {
    const { wallets, message, sign } = setUp()
    const [one, two] = [1, 31337].map((chainId) => {
      const text = message({ chainId })
      return wallets.signIn(text, sign(text)).identity.tenant
    })
    expect(one).not.toBe(two)
  })

  test('a nonce counts once, for ten minutes, and only where it is ours', () => {
    const { clock, sealer, wallets, message, sign, refusal } = setUp()
    const text = message()
    wallets.signIn(text, sign(text))
    expect(refusal(text)).toBe('the nonce was used before')
    const late = wallets.challenge().nonce
    clock.nowMs += 10 * minute
    expect(refusal(message({ nonce: late }))).toContain('too old')
    expect(refusal(message({ nonce: 'abcdefgh12345678' }))).toContain('not of this coordinator')
    expect(refusal(message({ nonce: sealer.seal('wallet-nonce', '', clock.nowMs + minute) }))).toBeDefined()
    const again = message()
    const { token } = wallets.signIn(again, sign(again))
    expect(refusal(message({ nonce: token.slice('harts_'.length) }))).toContain('not of this coordinator')
  })

  test('a nonce is not used up by a wrong signature', () => {
    const { wallets, message, sign, refusal } = setUp()
    const text = message()
    expect(refusal(text, sign(text, createAccount()))).toBe('the signature is not of the account in the message')
    for (const signature of ['', '0x', '0x00', sign(text).slice(2), `${sign(text)}00`, sign(`${text} `)]) {
      expect(refusal(text, signature)).toBe('the signature is not of the account in the message')
    }
    expect(wallets.signIn(text, sign(text)).identity.role).toBe('member')
  })

  test('a message for another page, chain or time is refused', () => {
    const { clock, message, refusal } = setUp()
    const at = (ms: number) => new Date(clock.nowMs + ms).toISOString()
    expect(refusal(message({ domain: 'evil.example' }))).toContain('domain')
    expect(refusal(message({ domain: 'app.example.evil.example' }))).toContain('domain')
    expect(refusal(message({ domain: 'user@app.example' }))).toContain('domain')
    expect(refusal(message({ domain: 'app.example:444' }))).toContain('domain')
    expect(refusal(message({ scheme: 'http' }))).toContain('domain')
    expect(refusal(message({ scheme: 'https' }))).toBeUndefined()
    expect(refusal(message({ uri: 'https://evil.example/login' }))).toContain('URI')
    expect(refusal(message({ uri: 'https://app.example@evil.example/' }))).toContain('URI')
    expect(refusal(message({ uri: 'http://localhost:7413/' }))).toContain('URI')
    expect(refusal(message({ domain: 'localhost:7413', uri: 'http://localhost:7413/' }))).toBeUndefined()
    expect(refusal(message({ chainId: 10 }))).toContain('chain 10')
    expect(refusal(message({ issuedAt: at(2 * minute) }))).toContain('future')
    expect(refusal(message({ issuedAt: at(-12 * minute) }))).toContain('too old')
    expect(refusal(message({ expires: at(0) }))).toContain('expired')
    expect(refusal(message({ notBefore: at(2 * minute) }))).toContain('not valid yet')
    expect(refusal(message({ notBefore: at(0), expires: at(minute) }))).toBeUndefined()
  })

  test('a session ends with its message', () => {
    const { clock, wallets, message, sign, reason } = setUp()
    const text = message({ expires: new Date(clock.nowMs + 5 * minute).toISOString() })
    const { token } = wallets.signIn(text, sign(text))
    clock.nowMs += 4 * minute
    expect(reason(() => wallets.identify(token))).toBeUndefined()
    clock.nowMs += minute
    expect(reason(() => wallets.identify(token))).toContain('too old')
  })

  test('only listed accounts are let in where there is a list, and operators are those of the list', () => {
    const [member, operator, stranger] = [createAccount(), createAccount(), createAccount()]
    const { wallets, message, sign } = setUp({
      addresses: [member.address],
      operators: [operator.address],
      role: 'reader',
    })
    const roleOf = (who: typeof member) => {
      const text = message({ address: who.address })
      return wallets.signIn(text, sign(text, who)).identity.role
    }
    expect([roleOf(member), roleOf(operator)]).toEqual(['reader', 'operator'])
    expect(() => roleOf(stranger)).toThrow('not let in')
  })

  test('who is taken off the list is out at once, and so is a chain', () => {
    const { clock, sealer, wallets, message, sign, reason, account } = setUp()
    const text = message()
    const { token } = wallets.signIn(text, sign(text))
    const later = (change: object) => {
      const wallets = { origins: ['https://app.example'], chainIds: [1], addresses: 'any', ...change }
      return new WalletSignIn(authConfig.parse({ wallets }).wallets!, sealer, () => clock.nowMs)
    }
    expect(reason(() => later({ addresses: [createAccount().address] }).identify(token))).toContain('not let in')
    expect(reason(() => later({ chainIds: [31337] }).identify(token))).toContain('chain')
    expect(later({ operators: [account.address] }).identify(token).role).toBe('operator')
  })

  test('sessions outlive a restart with the same key, and end with another', () => {
    const { wallets, message, sign, open, reason, account } = setUp()
    const text = message()
    const { token } = wallets.signIn(text, sign(text))
    expect(open().identify(token).tenant).toBe(`eip155:1:${account.address}`)
    expect(reason(() => open(new TokenSealer()).identify(token))).toContain('unknown')
  })
})
