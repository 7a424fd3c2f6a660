/** The control API's view of payment: amounts as text, models by name. */
import type {
  ClaimableView,
  ClaimRequest,
  ClaimView,
  EarningsChannelView,
  EarningsHistoryQuery,
  EarningsHistoryView,
  EarningsView,
} from '#protocol/api/earnings.ts'
import type { BalanceView } from '#protocol/api/payment.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { modelOfTopic } from '#protocol/payment/index.ts'
import { loadChain } from '../chain/index.ts'
import type { ControlledPayment } from '../control/index.ts'
import {
  type Claimed,
  channelName,
  claimableVouchers,
  type Earnings,
  type EarningsChannel,
  EarningsHistory,
  readEarnings,
  verifyEarnings,
} from '../payment/index.ts'
import type { Economy } from './economy.ts'
import type { Parts } from './parts.ts'

export class PaymentController implements ControlledPayment {
  readonly #parts: () => Parts
  #history: EarningsHistory | undefined

  constructor(parts: () => Parts) {
    this.#parts = parts
  }

  async earnings(isVerified: boolean): Promise<EarningsView> {
    const { economy } = this.#parts()
    const store = economy.tenant
    // Whoever asks wants to see what somebody has settled just now.
    economy.claimer?.funds.forget()
    const { earnings, problem } = await this.#read(economy)
    const { entryCount, head, damaged } = await store.checkLedger()
    const ledgerProblem = damaged === undefined ? {} : { problem: `entry ${damaged.seq}: ${damaged.reason}` }
    const { signer, owner, domain, isOnChain } = economy
    const differences = isVerified ? await this.#verify(economy) : undefined
    return {
      owner,
      signer: signer.address,
      ...(isOnChain ? { chain: { chainId: domain.chainId, escrow: domain.escrow } } : {}),
      promisedWei: String(earnings.promisedWei),
      claimedWei: String(earnings.claimedWei),
      claimableWei: String(earnings.claimableWei),
      unpaidWei: String(earnings.unpaidWei),
      freeReceipts: earnings.freeReceipts,
      channels: await Promise.all(earnings.channels.map((channel) => this.#viewOf(channel))),
      ledger: { entryCount, head: Buffer.from(head).toString('hex'), ...ledgerProblem },
      ...(problem === undefined ? {} : { chainProblem: problem }),
      ...(differences === undefined ? {} : { differences }),
    }
  }

  async history({ bucket, count, entries }: EarningsHistoryQuery): Promise<EarningsHistoryView> {
    const { economy } = this.#parts()
    this.#history ??= new EarningsHistory(economy.tenant)
    const buckets = await this.#history.buckets(bucket, count, Date.now())
    const newest = await this.#history.newest(entries)
    return {
      bucket,
      buckets: buckets.map(({ promisedWei, dueWei, ...sums }) => ({
        ...sums,
        promisedWei: String(promisedWei),
        dueWei: String(dueWei),
      })),
      entries: await Promise.all(
        newest.map(async ({ wei, ...entry }) => {
          const name = await this.#nameOf(entry.modelId)
          return { ...entry, wei: String(wei), ...(name === undefined ? {} : { model: name }) }
        }),
      ),
    }
  }

  async claimable(): Promise<ClaimableView> {
    const { claimer } = this.#onChain()
    claimer.funds.forget()
    const { domain, payee } = claimer
    const vouchers = await claimableVouchers(claimer)
    return {
      payee,
      chainId: domain.chainId,
      escrow: domain.escrow,
      vouchers: vouchers.map(({ key, cumulativeWei, signature, claimableWei }) => ({
        payer: key.payer,
        topic: hex(key.topic),
        cumulativeWei: String(cumulativeWei),
        signature: hex(signature),
        claimableWei: String(claimableWei),
      })),
    }
  }

  async balance(): Promise<BalanceView> {
    const { economy } = this.#onChain()
    const { readBalance } = await loadChain()
    return readBalance(await economy.chain(), economy.owner)
  }

  async claim({ isForced }: ClaimRequest): Promise<ClaimView[]> {
    const { economy } = this.#onChain()
    const claims = await economy.claim(isForced === undefined ? {} : { isForced })
    return claims.map(claimView)
  }

  #onChain(): { economy: Economy; claimer: NonNullable<Economy['claimer']> } {
    const { economy } = this.#parts()
    if (economy.claimer === undefined)
      throw new HartonomousError('ERR_CONFIG', { key: 'chain.rpc', reason: 'this node is on no chain' })
    return { economy, claimer: economy.claimer }
  }

  /** What the ledger says is shown also while the chain does not answer. */
  async #read(economy: Economy): Promise<{ earnings: Earnings; problem?: string }> {
    const { tenant: store, owner: payee, funds } = economy
    try {
      return { earnings: await readEarnings(funds === undefined ? { store, payee } : { store, payee, funds }) }
    } catch (error) {
      if (!isHartonomousError(error, 'ERR_CHAIN_UNAVAILABLE')) throw error
      return { earnings: await readEarnings({ store, payee }), problem: error.message }
    }
  }

  async #verify(economy: Economy): Promise<string[]> {
    const { tenant: store, owner: payee, signer, funds } = economy
    if (funds === undefined) return verifyEarnings({ store, payee, signer })
    const claimedEvents = () => claimedByChannel(economy)
    return verifyEarnings({ store, payee, signer, funds, claimedEvents })
  }

  async #nameOf(modelId: string): Promise<string | undefined> {
    return (await this.#parts().releases.all()).find((known) => known.release.modelId === modelId)?.release.name
  }

  async #viewOf(channel: EarningsChannel): Promise<EarningsChannelView> {
    const { payer, payee, topic, vouchers, promisedWei, claimedWei, claimableWei, unpaidWei, unpaidWhy } = channel
    const modelId = modelOfTopic(topic)
    const name = await this.#nameOf(modelId)
    return {
      payer,
      payee,
      modelId,
      ...(name === undefined ? {} : { model: name }),
      vouchers,
      promisedWei: String(promisedWei),
      ...(claimedWei === undefined ? {} : { claimedWei: String(claimedWei) }),
      ...(claimableWei === undefined ? {} : { claimableWei: String(claimableWei) }),
      unpaidWei: String(unpaidWei),
      ...(unpaidWhy === undefined ? {} : { unpaidWhy }),
      receipts: channel.receipts,
      receiptsWei: String(channel.receiptsWei),
    }
  }
}

/** Sums of the contract's own events. */
async function claimedByChannel({ domain, owner: payee, chain }: Economy): Promise<Map<string, bigint>> {
  const { readClaimed } = await loadChain()
  const sums = new Map<string, bigint>()
  for (const { payer, topic, amountWei } of await readClaimed(await chain(), payee)) {
    const name = channelName({ domain, payer, payee, topic })
    sums.set(name, (sums.get(name) ?? 0n) + amountWei)
  }
  return sums
}

function claimView({ transactionHash, blockNumber, gasUsed, paid, refused }: Claimed): ClaimView {
  return {
    transactionHash,
    blockNumber,
    gasUsed: String(gasUsed),
    vouchers: paid.length,
    paidWei: String(paid.reduce((sum, { amountWei }) => sum + amountWei, 0n)),
    refused: refused.map(({ index, reason }) => ({ payer: String(index), reason })),
  }
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`
}
