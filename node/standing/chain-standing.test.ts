import { expect, test, vi } from 'vitest'
import { peerIdFromPublicKey } from '#protocol/codec/signature.ts'
import { type Address, addressFromBytes } from '#protocol/ids.ts'
import { payeeReadsMax, payeeReadsWaitingMax } from '#protocol/limits.ts'
import type { PaymentTerms } from '#protocol/payment/message.ts'
import { hour, minute } from '#protocol/units.ts'
import { CachedStandings } from './chain-standing.ts'
import type { PayeeFacts, PayeeSource } from './types.ts'

const key = (byte: number) => new Uint8Array(32).fill(byte)
const address = (byte: number) => addressFromBytes(new Uint8Array(20).fill(byte))
const escrow = address(0xee)
const disputes = address(0xdd)
const facts = (peerKey: Uint8Array): PayeeFacts => ({
  peerKey,
  stakeWei: 5n,
  incomeWei: 7n,
  disputesLost: 1,
  equivocations: 0,
})
const terms = (payee: Address, other: Partial<PaymentTerms> = {}): PaymentTerms => ({
  chainId: 31_415,
  escrow,
  disputes,
  payee,
  signer: payee,
  prices: { weiPerGiB: 0n, weiPerKiloToken: 0n },
  ...other,
})
const honest = peerIdFromPublicKey(key(1))
const thief = peerIdFromPublicKey(key(2))

/** A chain whose answers come when the test says so. */
function createChain() {
  let nowMs = 0
  const asked: { payee: Address; answer: (facts: PayeeFacts | undefined) => void; fail: (error: Error) => void }[] = []
  const source: PayeeSource = {
    chainId: 31_415,
    escrow,
    disputes,
    read: (payee) => new Promise((answer, fail) => asked.push({ payee, answer, fail })),
  }
  const standings = new CachedStandings({ source, now: () => nowMs, log: { debug: () => undefined } })
  return { standings, asked, pass: (ms: number) => (nowMs += ms) }
}

test('chain standing: is unknown until the chain has answered, and counts from then on', async () => {
  const { standings, asked } = createChain()
  expect(standings.of(honest, terms(address(1)))).toEqual({ state: 'unknown' })
  expect(standings.of(honest, terms(address(1)))).toEqual({ state: 'unknown' })
  expect(asked).toHaveLength(1)
  asked[0]!.answer(facts(key(1)))
  await vi.waitFor(() => expect(standings.of(honest, terms(address(1))).state).toBe('bound'))
  expect(standings.of(honest, terms(address(1)))).toEqual({
    state: 'bound',
    stakeWei: 5n,
    incomeWei: 7n,
    disputesLost: 1,
    equivocations: 0,
  })
})

test('chain standing: who names the payee of somebody else, or one that is no node, has borrowed it', async () => {
  const { standings, asked } = createChain()
  standings.of(thief, terms(address(1)))
  asked[0]!.answer(facts(key(1)))
  await vi.waitFor(() => expect(standings.of(thief, terms(address(1)))).toEqual({ state: 'borrowed' }))
  expect(standings.of(honest, terms(address(1))).state).toBe('bound')
  standings.of(thief, terms(address(2)))
  asked[1]!.answer(undefined)
  await vi.waitFor(() => expect(standings.of(thief, terms(address(2)))).toEqual({ state: 'borrowed' }))
})

test('chain standing: contracts of another chain are not asked about, and count nothing', () => {
  const { standings, asked } = createChain()
  for (const other of [{ chainId: 1 }, { escrow: address(9) }, { disputes: address(9) }])
    expect(standings.of(honest, terms(address(1), other))).toEqual({ state: 'other-chain' })
  expect(asked).toHaveLength(0)
})

test('chain standing: is read again after minutes; a chain that fails meanwhile is believed for an hour, and asked again', async () => {
  const { standings, asked, pass } = createChain()
  const state = () => standings.of(honest, terms(address(1))).state
  state()
  asked[0]!.answer(facts(key(1)))
  await vi.waitFor(() => expect(state()).toBe('bound'))
  pass(5 * minute)
  expect(state()).toBe('bound')
  expect(asked).toHaveLength(2)
  asked[1]!.fail(new Error('no answer'))
  await vi.waitFor(() => {
    pass(minute)
    state()
    expect(asked).toHaveLength(3)
  })
  expect(state()).toBe('bound')
  pass(hour)
  expect(state()).toBe('unknown')
  // The slash shows as soon as the chain tells of it.
  asked[2]!.answer({ ...facts(key(1)), stakeWei: 0n })
  await vi.waitFor(() =>
    expect(standings.of(honest, terms(address(1)))).toMatchObject({ state: 'bound', stakeWei: 0n }),
  )
})

test('chain standing: however many payees are named, few are read at a time and few wait', async () => {
  const { standings, asked } = createChain()
  const payees = Array.from({ length: 1000 }, (_, index) =>
    addressFromBytes(Buffer.from(index.toString(16).padStart(40, '0'), 'hex')),
  )
  for (const payee of payees) standings.of(honest, terms(payee))
  expect(asked).toHaveLength(payeeReadsMax)
  for (let answered = 0; answered < asked.length; answered++) {
    asked[answered]!.answer(undefined)
    await vi.waitFor(() => undefined)
    await Promise.resolve()
  }
  await vi.waitFor(() => expect(asked).toHaveLength(payeeReadsMax + payeeReadsWaitingMax))
  expect(new Set(asked.map(({ payee }) => payee)).size).toBe(asked.length)
})
