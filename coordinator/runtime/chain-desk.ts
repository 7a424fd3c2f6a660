/** The chain as anyone may look at it through this coordinator: however many look on, it asks its RPC service a little. */
import { type Chain, loadChain, type PublicChain } from '#node/chain/index.ts'
import type { AccountRewardsView, ChainStateView, DelegateView, FundedView } from '#protocol/api/chain.ts'
import type { BalanceView } from '#protocol/api/payment.ts'
import { pageSizeDefault } from '#protocol/api/routes/shape.ts'
import { peerIdFromPublicKey } from '#protocol/codec/signature.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address, PeerId } from '#protocol/ids.ts'
import { chainReadsWaitingMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import { pageOf } from '../api/page.ts'
import type { ChainService, Page } from '../service.ts'

export interface ChainDeskDependencies {
  /** Undefined where the node is on none. @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG} */
  open: (() => Promise<Chain>) | undefined
  /** Whom each live lease names as its payee on this chain. */
  payees: () => ReadonlyMap<PeerId, Address>
  /** Milliseconds, ever growing. */
  now: () => number
}

/** A look at the last block; without news it takes two questions. */
const freshMs = second
/** Of a position in which no block changed anything: what became ready shows that late. */
const positionFreshMs = 15 * second
/** Oldest out: a position is < 10 KB. */
const answersKept = 512
/** Positions that are read at a time. */
const readsMax = 4

interface Answer {
  atMs: number
  /** Hash of the last block when it was asked for. */
  block: string
  value: Promise<unknown>
}

export class ChainDesk implements ChainService {
  readonly #deps: ChainDeskDependencies
  readonly #answers = new Map<string, Answer>()
  readonly #waiting: (() => void)[] = []
  #reads = 0
  #public: { chain: Chain; reader: Promise<PublicChain> } | undefined

  constructor(deps: ChainDeskDependencies) {
    this.#deps = deps
  }

  state(): Promise<ChainStateView> {
    return this.#shared('state', '', freshMs, async () => (await this.#reader()).state())
  }

  async account(address: Address): Promise<BalanceView> {
    const { block } = await this.state()
    return this.#shared(`account ${address}`, block.hash, positionFreshMs, () =>
      this.#inTurn(async () => {
        const { readBalance } = await loadChain()
        return readBalance(await this.#chain(), address)
      }),
    )
  }

  async rewards(
    address: Address,
    { cursor, limit = pageSizeDefault }: Page,
  ): Promise<AccountRewardsView & { nextCursor?: string }> {
    const before = cursor === undefined ? {} : { before: placeOf(cursor) }
    const { block } = await this.state()
    const key = `rewards ${address} ${cursor ?? ''} ${limit}`
    return this.#shared(key, block.hash, positionFreshMs, async () => {
      const { view, next } = await (await this.#reader()).rewards(address, { ...before, limit })
      return next === undefined ? view : { ...view, nextCursor: cursorOf(next) }
    })
  }

  async delegates(page: Page): Promise<{ delegates: DelegateView[]; nextCursor?: string }> {
    const { rows, ...rest } = pageOf(await this.#delegates(), page)
    return { delegates: rows, ...rest }
  }

  async delegate(address: Address): Promise<DelegateView> {
    const found = (await this.#delegates()).find((delegate) => delegate.address === address)
    if (found === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'delegate', id: address })
    return found
  }

  async fund(address: Address): Promise<FundedView> {
    const { giveDevelopmentFunds } = await loadChain()
    const { hartWei, etherWei, ...rest } = await giveDevelopmentFunds(await this.#chain(), address)
    return { address, hartWei: String(hartWei), etherWei: String(etherWei), ...rest }
  }

  /** Those with the largest bond first. */
  async #delegates(): Promise<DelegateView[]> {
    return this.#shared('delegates', '', freshMs, async () => {
      const delegates = await (await this.#reader()).delegates()
      const payees = this.#deps.payees()
      return delegates.sort(byBond).map((delegate) => {
        const peerId = peerIdFromPublicKey(Buffer.from(delegate.peerKey.slice(2), 'hex'))
        return payees.get(peerId) === delegate.address ? { ...delegate, peerId } : delegate
      })
    })
  }

  async #chain(): Promise<Chain> {
    const { open } = this.#deps
    if (open === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'chain', id: 'of this coordinator' })
    return open()
  }

  async #reader(): Promise<PublicChain> {
    const chain = await this.#chain()
    if (this.#public?.chain !== chain) {
      const reader = loadChain().then(({ PublicChain }) => PublicChain.open(chain))
      this.#public = { chain, reader }
      reader.catch(() => {
        this.#public = undefined
      })
    }
    return this.#public.reader
  }

  /** Those who ask while it is made get the same one. What fails is not kept. */
  #shared<T>(key: string, block: string, keptMs: number, make: () => Promise<T>): Promise<T> {
    const nowMs = this.#deps.now()
    const known = this.#answers.get(key)
    if (known !== undefined && known.block === block && nowMs - known.atMs < keptMs) return known.value as Promise<T>
    const value = make()
    this.#answers.delete(key)
    this.#answers.set(key, { atMs: nowMs, block, value })
    const oldest = this.#answers.keys().next().value
    if (this.#answers.size > answersKept && oldest !== undefined) this.#answers.delete(oldest)
    value.catch(() => {
      if (this.#answers.get(key)?.value === value) this.#answers.delete(key)
    })
    return value
  }

  /** A few at a time. @throws {ERR_QUEUE_FULL} */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#reads >= readsMax) {
      if (this.#waiting.length >= chainReadsWaitingMax)
        throw new HartonomousError('ERR_QUEUE_FULL', { retryAfterMs: second, depth: this.#waiting.length })
      // Who leaves hands its turn over.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#reads++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#reads--
      else next()
    }
  }
}

function byBond(a: DelegateView, b: DelegateView): number {
  const [left, right] = [BigInt(a.bondWei), BigInt(b.bondWei)]
  if (left === right) return a.address < b.address ? -1 : 1
  return left < right ? 1 : -1
}

interface Place {
  blockNumber: number
  logIndex: number
}

function cursorOf({ blockNumber, logIndex }: Place): string {
  return Buffer.from(`${blockNumber}-${logIndex}`).toString('base64url')
}

function placeOf(cursor: string): Place {
  const match = /^(\d{1,15})-(\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))
  if (match !== null) return { blockNumber: Number(match[1]), logIndex: Number(match[2]) }
  throw new HartonomousError('ERR_USAGE', { message: 'cursor: not one that a page gave', param: 'cursor' })
}
