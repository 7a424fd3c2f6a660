/** The paid side of a node: its hot key, the chain it is on (if any), what it asks and pays. Nothing is asked by default. */
import { setTimeout as sleep } from 'node:timers/promises'
import { HartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import type { Prices } from '#protocol/payment/index.ts'
import { minute, second } from '#protocol/units.ts'
import type { TenantStore } from '#sql/store/types.ts'
import {
  type Chain,
  loadChain,
  loadOrCreateHotKey,
  readAddressBook,
  recoverReceipt,
  recoverSession,
  recoverVoucher,
  signReceipt,
  signSession,
  signVoucher,
} from '../chain/index.ts'
import type { DataPlane } from '../chunks/index.ts'
import { type Config, dataFiles } from '../config/index.ts'
import type { Log } from '../log/index.ts'
import {
  type Claimed,
  type ClaimerDependencies,
  claimAll,
  EscrowFunds,
  type FundsReader,
  noAddress,
  type PaymentDomain,
  type PaymentEvent,
  PaymentService,
  type PaymentSigner,
} from '../payment/index.ts'
import { version } from './version.ts'

const claimEveryMs = minute
const localPollMs = 4 * second
/** A block of a public chain takes about this long. */
const publicPollMs = 12 * second
/** What a payer announces before it leaves: its balance, a lock, a session key. */
const departures = ['Thawing', 'Releasing', 'Revoked']
const offChain: PaymentDomain = { chainId: 0, escrow: noAddress, disputes: noAddress }

export interface EconomyOptions {
  dataDir: string
  config: Config
  tenant: TenantStore
  dataPlane: DataPlane
  log: Log
  onEvent: (event: PaymentEvent) => void
}

export class Economy {
  readonly payment: PaymentService
  readonly signer: PaymentSigner
  readonly owner: Address
  readonly domain: PaymentDomain
  readonly tenant: TenantStore
  readonly #options: EconomyOptions
  readonly #claimsItself: boolean
  readonly #claimer: (ClaimerDependencies & { funds: EscrowFunds }) | undefined
  /** @throws {ERR_CONFIG} {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG} */
  readonly chain: () => Promise<Chain>
  readonly #closeChain: () => Promise<void>
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #seenBlock = 0
  #claiming: Promise<unknown> = Promise.resolve()

  private constructor(
    options: EconomyOptions,
    parts: {
      signer: PaymentSigner
      owner: Address
      domain: PaymentDomain
      chain: () => Promise<Chain>
      closeChain: () => Promise<void>
      send: ClaimerDependencies['send']
    },
  ) {
    const { config, tenant, dataPlane, onEvent } = options
    this.#options = options
    this.signer = parts.signer
    this.owner = parts.owner
    this.domain = parts.domain
    this.tenant = tenant
    this.chain = parts.chain
    this.#closeChain = parts.closeChain
    this.#claimsItself = this.isOnChain && config['payment.claim']
    const now = Date.now
    const funds = new EscrowFunds(async () => new (await loadChain()).EscrowClient(await parts.chain()), now)
    this.#claimer = this.isOnChain
      ? {
          store: tenant,
          funds,
          domain: parts.domain,
          payee: parts.owner,
          send: parts.send,
          minimumWei: parseHart(config['payment.claimMinimum']),
          now,
        }
      : undefined
    this.payment = new PaymentService({
      dataPlane,
      store: tenant,
      signer: parts.signer,
      owner: parts.owner,
      domain: parts.domain,
      ...pricesOf(config),
      funds,
      build: `hartonomous ${version}`,
      now,
      onEvent: (event) => {
        if (event.type === 'leave' && this.#claimsItself) void this.#claimQuietly()
        onEvent(event)
      },
    })
  }

  /**
   * Makes the hot key at the first start. The chain is asked when it is first needed: a node starts while its RPC is down.
   * @throws {ERR_CONFIG} {ERR_IO}
   */
  static async open(options: EconomyOptions): Promise<Economy> {
    const { dataDir, config } = options
    const hot = await loadOrCreateHotKey(dataDir)
    const owner = config['payment.owner'] === '' ? hot.address : parseAddress(config['payment.owner'])
    const rpcUrl = config['chain.rpc']
    const bookPath = config['chain.addressBook'] || dataFiles.addressBook(dataDir)
    const book = rpcUrl === '' ? undefined : await readAddressBook(bookPath)
    if (rpcUrl !== '' && book === undefined)
      throw new HartonomousError('ERR_CONFIG', { key: 'chain.addressBook', reason: `there is no file ${bookPath}` })
    const domain: PaymentDomain =
      book === undefined
        ? offChain
        : { chainId: book.chainId, escrow: book.addresses.Escrow, disputes: book.addresses.Disputes }
    let opening: Promise<Chain> | undefined
    const chain = () => {
      if (book === undefined) throw new HartonomousError('ERR_CONFIG', { key: 'chain.rpc', reason: 'it is not set' })
      opening ??= loadChain().then(({ openConfiguredChain }) => openConfiguredChain({ rpcUrl, addressBook: bookPath }))
      opening.catch(() => {
        opening = undefined
      })
      return opening
    }
    const signer: PaymentSigner = {
      address: hot.address,
      signVoucher: (where, voucher) => signVoucher(hot.privateKey, where, voucher),
      signReceipt: (where, receipt) => signReceipt(hot.privateKey, where, receipt),
      signSession: (where, proof) => signSession(hot.privateKey, where, proof),
      recoverVoucher,
      recoverReceipt,
      recoverSession,
    }
    const send: ClaimerDependencies['send'] = async (vouchers) => {
      const { EscrowClient, signerOf } = await loadChain()
      const open = await chain()
      const signed = vouchers.map(({ key: { payer, payee, topic }, cumulativeWei, signature }) => ({
        payer,
        payee,
        topic,
        cumulativeWei,
        signature,
      }))
      return new EscrowClient(open).claim(owner, signed).send(signerOf(open, hot.privateKey))
    }
    // One that never answered is not asked again for the sake of closing it.
    const closeChain = async () => {
      const opened = await opening?.catch(() => undefined)
      await opened?.close()
    }
    return new Economy(options, { signer, owner, domain, chain, closeChain, send })
  }

  get isOnChain(): boolean {
    return this.domain.chainId !== 0
  }

  /** What backs vouchers; undefined where this node is on no chain. */
  get funds(): FundsReader | undefined {
    return this.#claimer?.funds
  }

  get claimer(): (ClaimerDependencies & { funds: EscrowFunds }) | undefined {
    return this.#claimer
  }

  /** Sessions that have begun go on as they were agreed. */
  setPrices(config: Config): Promise<void> {
    const { prices, limits } = pricesOf(config)
    return this.payment.setPrices(prices, limits)
  }

  async start(): Promise<void> {
    await this.payment.start()
    if (!this.isOnChain) return
    void this.#follow()
    if (!this.#claimsItself) return
    this.#timer = setInterval(() => void this.#claimQuietly(), claimEveryMs)
    this.#timer.unref()
  }

  /** One at a time: two transactions of one key must not overtake each other. @throws {ERR_CHAIN_UNAVAILABLE} */
  claim(options: { isForced?: boolean } = {}): Promise<Claimed[]> {
    const claimer = this.#claimer
    if (claimer === undefined) return Promise.resolve([])
    const claiming = this.#claiming.catch(() => undefined).then(() => claimAll(claimer, options))
    this.#claiming = claiming
    return claiming
  }

  /** Keeps the contracts' events in the shard database; a payer that takes its money out is claimed from at once. */
  async #follow(): Promise<void> {
    const { log, tenant } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const [{ ChainIndexer, localChainId }, chain] = await Promise.all([loadChain(), this.chain()])
        const pollMs = chain.chainId === localChainId ? localPollMs : publicPollMs
        return await new ChainIndexer({ chain, store: tenant }).run({
          signal,
          pollMs,
          onStep: ({ added }) => {
            if (added > 0) void this.#onEvents(chain)
          },
          onFailure: (error) => log.debug('chain-not-read', { error: String(error) }),
        })
      } catch (error) {
        log.info('chain-not-open', { error: String(error) })
        await sleep(publicPollMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  async #onEvents(chain: Chain): Promise<void> {
    const { chainKey } = await loadChain()
    const afterBlock = this.#seenBlock
    const { events } = await this.tenant.listChainEvents(chainKey(chain), { names: departures, afterBlock })
    this.#seenBlock = events.reduce((last, { blockNumber }) => Math.max(last, blockNumber), afterBlock)
    if (events.length === 0) return
    this.#claimer?.funds.forget()
    if (this.#claimsItself) await this.#claimQuietly({ isForced: true })
  }

  async #claimQuietly(options: { isForced?: boolean } = {}): Promise<void> {
    await this.claim(options).catch((error: unknown) =>
      this.#options.log.info('claim-failed', { error: String(error) }),
    )
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#timer)
    this.payment.stop()
    await this.#claiming.catch(() => undefined)
    await this.#closeChain()
  }
}

function pricesOf(config: Config): { prices: Prices; limits: Prices } {
  return {
    prices: {
      weiPerGiB: parseHart(config['payment.pricePerGiB']),
      weiPerKiloToken: parseHart(config['payment.pricePerKiloToken']),
    },
    limits: {
      weiPerGiB: parseHart(config['payment.maxPricePerGiB']),
      weiPerKiloToken: parseHart(config['payment.maxPricePerKiloToken']),
    },
  }
}
