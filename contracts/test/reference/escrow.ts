import { entryOf, type Ledger, least, refuseIf } from './ledger.ts'

const DAY = 86_400n
const THAW = 3n * DAY
const NEVER = 2n ** 64n - 1n
const UNLIMITED = 2n ** 128n - 1n

export interface ReferenceVoucher {
  payer: string
  topic: string
  cumulative: bigint
  /** Who signed. */
  signer: string
}

/** Receiver and share (in 1/10 000) of a topic's royalty. */
export type RoyaltyOf = (topic: string) => { receiver: string; bps: bigint } | undefined

/** Escrow in plain numbers, written from its interface and readable beside it. Signatures are taken as verified. */
export class EscrowReference {
  readonly accounts = new Map<string, { balance: bigint; thawing: bigint; thawEnd: bigint }>()
  readonly channels = new Map<string, { locked: bigint; claimed: bigint }>()
  readonly incomes = new Map<string, { earned: bigint; burnable: bigint }>()
  readonly signers = new Map<string, { payer: string; revokedAt: bigint; allowance: bigint }>()
  readonly #releases = new Map<string, { amount: bigint; releaseAt: bigint }>()
  readonly #ledger: Ledger
  readonly #royaltyOf: RoyaltyOf
  readonly #burnBps: bigint

  /** @param burnBps Another share than the contract burns, in 1/10 000: for those who ask what it would change. */
  constructor(ledger: Ledger, royaltyOf: RoyaltyOf, burnBps = 100n) {
    this.#ledger = ledger
    this.#royaltyOf = royaltyOf
    this.#burnBps = burnBps
  }

  account(payer: string) {
    return entryOf(this.accounts, payer, () => ({ balance: 0n, thawing: 0n, thawEnd: 0n }))
  }

  channel(payer: string, payee: string, topic: string) {
    return entryOf(this.channels, `${payer} ${payee} ${topic}`, () => ({ locked: 0n, claimed: 0n }))
  }

  income(payee: string) {
    return entryOf(this.incomes, payee, () => ({ earned: 0n, burnable: 0n }))
  }

  deposit(caller: string, payer: string, amount: bigint): void {
    refuseIf(amount === 0n, 'ZeroAmount')
    this.#ledger.move(caller, 'Escrow', amount)
    this.account(payer).balance += amount
  }

  thaw(payer: string, amount: bigint, now: bigint): void {
    const account = this.account(payer)
    refuseIf(amount > account.balance, 'Insufficient')
    account.thawing = amount
    account.thawEnd = amount === 0n ? 0n : now + THAW
  }

  withdraw(payer: string, now: bigint): void {
    const account = this.account(payer)
    refuseIf(account.thawEnd === 0n || now < account.thawEnd, 'StillThawing')
    const amount = least(account.thawing, account.balance)
    account.balance -= amount
    account.thawing = 0n
    account.thawEnd = 0n
    this.#ledger.move('Escrow', payer, amount)
  }

  lock(payer: string, payee: string, topic: string, amount: bigint): void {
    refuseIf(amount === 0n, 'ZeroAmount')
    const account = this.account(payer)
    refuseIf(amount > account.balance - least(account.thawing, account.balance), 'Insufficient')
    account.balance -= amount
    this.channel(payer, payee, topic).locked += amount
  }

  release(payer: string, payee: string, topic: string, amount: bigint, now: bigint): void {
    refuseIf(amount === 0n, 'ZeroAmount')
    refuseIf(amount > this.channel(payer, payee, topic).locked, 'Insufficient')
    this.#releases.set(`${payer} ${payee} ${topic}`, { amount, releaseAt: now + THAW })
  }

  finishRelease(payer: string, payee: string, topic: string, now: bigint): void {
    const key = `${payer} ${payee} ${topic}`
    const due = this.#releases.get(key)
    refuseIf(due === undefined || now < due.releaseAt, 'StillThawing')
    const channel = this.channel(payer, payee, topic)
    const amount = least(due!.amount, channel.locked)
    this.#releases.delete(key)
    channel.locked -= amount
    this.account(payer).balance += amount
  }

  authorize(payer: string, signer: string, allowance: bigint): void {
    refuseIf(this.signers.has(signer), 'SignerTaken')
    this.signers.set(signer, { payer, revokedAt: NEVER, allowance })
  }

  setAllowance(payer: string, signer: string, allowance: bigint): void {
    const session = this.signers.get(signer)
    refuseIf(session?.payer !== payer || session.revokedAt !== NEVER, 'NotYourSigner')
    session!.allowance = allowance
  }

  revoke(payer: string, signer: string, now: bigint): void {
    const session = this.signers.get(signer)
    refuseIf(session?.payer !== payer || session.revokedAt !== NEVER, 'NotYourSigner')
    session!.revokedAt = now + THAW
  }

  claim(payee: string, vouchers: readonly ReferenceVoucher[], now: bigint): bigint {
    let total = 0n
    let royalties = 0n
    for (const voucher of vouchers) {
      const paid = this.#settle(payee, voucher, now)
      total += paid
      const royalty = this.#royaltyOf(voucher.topic)
      if (royalty === undefined || paid === 0n) continue
      const amount = (paid * royalty.bps) / 10_000n
      this.#ledger.move('Escrow', royalty.receiver, amount)
      royalties += amount
    }
    const cut = (total * this.#burnBps) / 10_000n
    const income = this.income(payee)
    income.earned += total
    income.burnable += cut
    this.#ledger.move('Escrow', payee, total - cut - royalties)
    return total
  }

  flush(payees: readonly string[]): void {
    for (const payee of payees) {
      const income = this.income(payee)
      this.#ledger.burn('Escrow', income.burnable)
      income.burnable = 0n
    }
  }

  #settle(payee: string, { payer, topic, cumulative, signer }: ReferenceVoucher, now: bigint): bigint {
    const session = signer === payer ? undefined : this.signers.get(signer)
    if (signer !== payer && (session?.payer !== payer || now >= session.revokedAt)) return 0n
    const channel = this.channel(payer, payee, topic)
    if (cumulative <= channel.claimed) return 0n
    const due = cumulative - channel.claimed
    const fromLock = least(due, channel.locked)
    const account = this.account(payer)
    const fromPool = least(due - fromLock, account.balance, session?.allowance ?? UNLIMITED)
    if (session !== undefined && session.allowance !== UNLIMITED) session.allowance -= fromPool
    account.balance -= fromPool
    channel.locked -= fromLock
    channel.claimed += fromLock + fromPool
    return fromLock + fromPool
  }
}
