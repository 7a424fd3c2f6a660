import assert from 'node:assert/strict'
import type { LogDescription } from 'ethers'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { ask, type ContractCall, contractCall, eventOf, type ReadEvents } from './contract-call.ts'
import { TokenClient } from './token-client.ts'
import { expandSignature } from './typed-data.ts'
import type { Chain, ChainSigner, SignedVoucher } from './types.ts'

/** What a payer holds; what thaws is a part of the balance, and vouchers still draw on it. */
export interface EscrowAccount {
  balanceWei: bigint
  thawingWei: bigint
  /** When `withdraw` becomes possible, in seconds since 1970; 0 when nothing thaws. */
  thawEndSeconds: number
}

export interface EscrowChannel {
  lockedWei: bigint
  claimedWei: bigint
}

export interface SessionKey {
  payer: Address
  /** Its vouchers are refused from then on, in seconds since 1970; undefined while it is not revoked. */
  revokedAtSeconds: number | undefined
  /** What it may still draw from the pooled balance; `unlimitedWei` is no limit. */
  allowanceWei: bigint
}

export type ClaimRefusal = 'bad-signature' | 'already-paid' | 'no-funds'

export interface Claimed {
  /** What left each payer, before the burned cut and the royalty. */
  paid: { payer: Address; topic: Uint8Array; amountWei: bigint }[]
  /** Entries of the batch that paid nothing. */
  refused: { index: number; reason: ClaimRefusal }[]
}

export const unlimitedWei = 2n ** 128n - 1n
const never = 2n ** 64n - 1n
const refusals: readonly ClaimRefusal[] = ['bad-signature', 'already-paid', 'no-funds']

/** What requesters pay from. Methods that return a call send nothing by themselves. */
export class EscrowClient {
  readonly #chain: Chain
  readonly #token: TokenClient

  constructor(chain: Chain) {
    this.#chain = chain
    this.#token = new TokenClient(chain)
  }

  async account(payer: Address): Promise<EscrowAccount> {
    const [[balanceWei, thawingWei], [thawEnd]] = await Promise.all([
      ask(this.#chain, 'Escrow', 'accounts', payer),
      ask(this.#chain, 'Escrow', 'thawEnd', payer),
    ])
    return { balanceWei, thawingWei, thawEndSeconds: Number(thawEnd) }
  }

  async channel(payer: Address, payee: Address, topic: Uint8Array): Promise<EscrowChannel> {
    const [id] = await ask(this.#chain, 'Escrow', 'channelId', payer, payee, topic)
    const [lockedWei, claimedWei] = await ask(this.#chain, 'Escrow', 'channels', id)
    return { lockedWei, claimedWei }
  }

  /** An announced release of a lock; undefined where there is none. */
  async pendingRelease(
    payer: Address,
    payee: Address,
    topic: Uint8Array,
  ): Promise<{ amountWei: bigint; releaseAtSeconds: number } | undefined> {
    const [id] = await ask(this.#chain, 'Escrow', 'channelId', payer, payee, topic)
    const [amountWei, releaseAt] = await ask(this.#chain, 'Escrow', 'releases', id)
    return releaseAt === 0n ? undefined : { amountWei, releaseAtSeconds: Number(releaseAt) }
  }

  /** Undefined where the key signs for nobody. */
  async signer(signer: Address): Promise<SessionKey | undefined> {
    const [payer, revokedAt, allowanceWei] = await ask(this.#chain, 'Escrow', 'signers', signer)
    if (BigInt(payer) === 0n) return undefined
    const revokedAtSeconds = revokedAt === never ? undefined : Number(revokedAt)
    return { payer: parseAddress(payer), revokedAtSeconds, allowanceWei }
  }

  /** Of a payee over all time, before cut and royalty; `burnableWei` is the cut of it that waits to be burned. */
  async income(payee: Address): Promise<{ earnedWei: bigint; burnableWei: bigint }> {
    const [earnedWei, burnableWei] = await ask(this.#chain, 'Escrow', 'incomes', payee)
    return { earnedWei, burnableWei }
  }

  /** Seconds between the announcement of an end (of balance, lock or key) and the end. */
  async thawSeconds(): Promise<number> {
    return Number((await ask(this.#chain, 'Escrow', 'THAW'))[0])
  }

  /** Adds to the balance of `payer`; the sender has approved the amount. */
  deposit(payer: Address, amountWei: bigint): ContractCall {
    return this.#call('deposit', [payer, amountWei])
  }

  /** `deposit` with the approval in the same transaction; the call is for this signer alone. */
  async depositWithPermit(signer: ChainSigner, payer: Address, amountWei: bigint): Promise<ContractCall> {
    const permit = await this.#token.permit(signer, this.#chain.addresses.Escrow, amountWei)
    return this.#call('depositWithPermit', [payer, amountWei, ...permit])
  }

  /** Sets a part of the sender's free balance aside for one channel. */
  lock(payee: Address, topic: Uint8Array, amountWei: bigint): ContractCall {
    return this.#call('lock', [payee, topic, amountWei])
  }

  /** Announces that the sender takes back from a lock. */
  release(payee: Address, topic: Uint8Array, amountWei: bigint): ContractCall<{ releaseAtSeconds: number }> {
    return this.#call('release', [payee, topic, amountWei], (events) => ({
      releaseAtSeconds: Number(eventOf(events, 'Releasing').args['releaseAt']),
    }))
  }

  finishRelease(payee: Address, topic: Uint8Array): ContractCall<{ amountWei: bigint }> {
    return this.#call('finishRelease', [payee, topic], (events) => ({
      amountWei: eventOf(events, 'Released').args['amount'],
    }))
  }

  /**
   * Lets a session key sign vouchers for the sender.
   * @param proof Of `signAuthorization` by that key, over the sender's address.
   */
  authorize(signer: Address, allowanceWei: bigint, deadlineSeconds: number, proof: Uint8Array): ContractCall {
    return this.#call('authorize', [signer, allowanceWei, deadlineSeconds, expandSignature(proof)])
  }

  setAllowance(signer: Address, allowanceWei: bigint): ContractCall {
    return this.#call('setAllowance', [signer, allowanceWei])
  }

  /** Ends a session key for ever, after the time of thawing. */
  revoke(signer: Address): ContractCall<{ revokedAtSeconds: number }> {
    return this.#call('revoke', [signer], (events) => ({
      revokedAtSeconds: Number(eventOf(events, 'Revoked').args['revokedAt']),
    }))
  }

  /** Announces a withdrawal; zero takes it back. */
  thaw(amountWei: bigint): ContractCall<{ thawEndSeconds: number }> {
    return this.#call('thaw', [amountWei], (events) => ({
      thawEndSeconds: Number(eventOf(events, 'Thawing').args['end']),
    }))
  }

  withdraw(): ContractCall<{ amountWei: bigint }> {
    return this.#call('withdraw', [], (events) => ({ amountWei: eventOf(events, 'Withdrawn').args['amount'] }))
  }

  /** Settles vouchers of any number of payers for one payee; anyone may send it. */
  claim(payee: Address, vouchers: readonly SignedVoucher[]): ContractCall<Claimed> {
    for (const voucher of vouchers) assert.equal(voucher.payee, payee, 'a voucher for another payee')
    const entries = vouchers.map(({ payer, topic, cumulativeWei, signature }) => [
      payer,
      topic,
      cumulativeWei,
      signature.subarray(0, 32),
      signature.subarray(32, 64),
    ])
    return this.#call('claim', [payee, entries], readClaim)
  }

  /** Burns the cut that has collected from the income of each payee. */
  flush(payees: readonly Address[]): ContractCall {
    return this.#call('flush', [payees])
  }

  #call<T>(method: string, args: readonly unknown[], readEvents?: ReadEvents<T>): ContractCall<T> {
    const call = { chain: this.#chain, contract: 'Escrow', method, args } as const
    return contractCall(readEvents === undefined ? call : { ...call, readEvents })
  }
}

function readClaim(events: readonly LogDescription[]): Claimed {
  const claimed: Claimed = { paid: [], refused: [] }
  for (const { name, args } of events) {
    if (name === 'Claimed') {
      const topic = new Uint8Array(Buffer.from(String(args['topic']).slice(2), 'hex'))
      claimed.paid.push({ payer: parseAddress(args['payer']), topic, amountWei: args['amount'] })
    } else if (name === 'Refused') {
      claimed.refused.push({ index: Number(args['index']), reason: refusals[Number(args['reason'])]! })
    }
  }
  return claimed
}
