/** A chain as anyone may look at it: one reader of its history for however many who ask. */
import type { AccountRewardsView, ChainStateView, DelegateView } from '#protocol/api/chain.ts'
import type { Address } from '#protocol/ids.ts'
import { localChainId } from '../anvil/anvil.ts'
import { chainSeconds } from '../clock.ts'
import { ask } from '../contract-call.ts'
import { withChainFailures } from '../failure.ts'
import { rewardTerms } from '../rewards/reward-rule.ts'
import { StakingClient, type StakingTerms } from '../staking-client.ts'
import { TokenClient } from '../token-client.ts'
import type { Chain } from '../types.ts'
import { type AccountReward, rewardsOf } from './account-rewards.ts'
import { BlockTimes } from './block-times.ts'
import { viewDelegates } from './delegate-view.ts'
import { type Head, StakeLog, type Stakes } from './stake-log.ts'

/** Ours, and those that Hardhat, anvil and wallets know as chains of one machine. */
const developmentChainIds: ReadonlySet<number> = new Set([localChainId, 31_337, 1337])
/** Of the epochs that were skipped, so many of the last are named. */
const skippedShown = 30

/** A row of a list and all those that are newer end here. */
export interface RewardCursor {
  blockNumber: number
  logIndex: number
}

export class PublicChain {
  readonly #chain: Chain
  readonly #terms: StakingTerms
  /** Seconds since 1970, when epoch 0 began. */
  readonly #start: number
  readonly #log: StakeLog
  readonly #times: BlockTimes
  #work: Promise<unknown> = Promise.resolve()

  private constructor(chain: Chain, terms: StakingTerms, start: number) {
    this.#chain = chain
    this.#terms = terms
    this.#start = start
    this.#times = new BlockTimes(chain, start)
    const { Rewards: rewards } = chain.addresses
    const noticeSeconds = terms.commissionNoticeSeconds
    this.#log = new StakeLog(chain, { rewards, noticeSeconds }, () => this.#times.forget())
  }

  /** @throws {ERR_CHAIN_UNAVAILABLE} */
  static async open(chain: Chain): Promise<PublicChain> {
    const [terms, [start]] = await Promise.all([new StakingClient(chain).terms(), ask(chain, 'Rewards', 'start')])
    return new PublicChain(chain, terms, Number(start))
  }

  /** @throws {ERR_CHAIN_UNAVAILABLE} {ERR_LIMIT} */
  async state(): Promise<ChainStateView> {
    const token = new TokenClient(this.#chain)
    const { chainId, addresses, deployedAtBlock } = this.#chain
    return await this.#read(async (stakes, nowSeconds) => {
      const [{ existingWei }, escrowedWei] = await Promise.all([token.supply(), token.balanceOf(addresses.Escrow)])
      const { stakedWei, thawingWei } = stakes.book.totals()
      const { head, delegates, finalizedEpochs } = stakes
      const isActive = (node: Address) => stakes.book.bondOf(node) >= this.#terms.minBondWei
      const rpcUrl = loopbackUrl(this.#chain.rpcUrl)
      const epoch = this.#times.epochAt(nowSeconds)
      return {
        chainId,
        isDevelopment: isDevelopmentChain(this.#chain),
        ...(rpcUrl === undefined ? {} : { rpcUrl }),
        contracts: { ...addresses },
        deployedAtBlock,
        block: { number: head.number, hash: head.hash, atMs: head.timestamp * 1000 },
        nowMs: nowSeconds * 1000,
        epoch: { number: epoch, startsAtMs: this.#startOf(epoch), endsAtMs: this.#startOf(epoch + 1) },
        terms: {
          minBondWei: String(this.#terms.minBondWei),
          minStakeWei: String(this.#terms.minStakeWei),
          delegationRatio: this.#terms.delegationRatio,
          unbondingMs: this.#terms.unbondingSeconds * 1000,
          commissionNoticeMs: this.#terms.commissionNoticeSeconds * 1000,
        },
        totals: {
          supplyWei: String(existingWei),
          stakedWei: String(stakedWei),
          unlockingWei: String(thawingWei),
          escrowedWei: String(escrowedWei),
          delegates: delegates.size,
          delegatesActive: [...delegates.keys()].filter(isActive).length,
        },
        finalizedEpochs: finalizedEpochs.length,
        skippedEpochs: skippedOf(finalizedEpochs),
      }
    })
  }

  /** Those behind the cursor, newest first. @throws {ERR_CHAIN_UNAVAILABLE} {ERR_LIMIT} */
  async rewards(
    address: Address,
    { before, limit }: { before?: RewardCursor; limit: number },
  ): Promise<{ view: AccountRewardsView; next?: RewardCursor }> {
    return await this.#read(async (stakes) => {
      const all = rewardsOf(stakes, address, this.#chain.addresses.Rewards)
      const behind = before === undefined ? all : all.filter((reward) => isBefore(reward, before))
      const page = behind.slice(-limit).reverse()
      const times = await this.#times.of(page.map(({ blockNumber }) => blockNumber))
      const last = page.at(-1)
      const view: AccountRewardsView = {
        address,
        blockNumber: stakes.head.number,
        ...sumsOf(all),
        rewards: page.map(({ kind, source, node, wei, blockNumber, transactionHash }) => ({
          kind,
          source,
          node,
          wei: String(wei),
          epoch: this.#times.epochAt(times.get(blockNumber)!),
          atMs: times.get(blockNumber)! * 1000,
          blockNumber,
          transactionHash,
        })),
        byNode: [...Map.groupBy(all, ({ node }) => node)].map(([node, rows]) => ({ node, ...sumsOf(rows) })),
      }
      if (last === undefined || behind.length <= limit) return { view }
      return { view, next: { blockNumber: last.blockNumber, logIndex: last.logIndex } }
    })
  }

  /** In the order in which they registered. @throws {ERR_CHAIN_UNAVAILABLE} {ERR_LIMIT} */
  async delegates(): Promise<DelegateView[]> {
    return await this.#read((stakes, nowSeconds) =>
      viewDelegates(stakes, [...stakes.delegates.values()], this.#terms, { nowSeconds, times: this.#times }),
    )
  }

  /** One after the other: who reads must find the stakes as of one block. */
  #read<T>(work: (stakes: Stakes & { head: Head }, nowSeconds: number) => Promise<T>): Promise<T> {
    const reading = this.#work
      .catch(() => undefined)
      .then(async () => {
        const [stakes, nowSeconds] = await Promise.all([
          this.#log.read(),
          withChainFailures('the time of the chain', this.#chain.rpcUrl, () => chainSeconds(this.#chain)),
        ])
        return await work(stakes, nowSeconds)
      })
    this.#work = reading
    return reading
  }

  #startOf(epoch: number): number {
    return (this.#start + epoch * rewardTerms.epochSeconds) * 1000
  }
}

export function isDevelopmentChain({ chainId }: Pick<Chain, 'chainId'>): boolean {
  return developmentChainIds.has(chainId)
}

/** A chain of this machine that asks for no key, as a wallet can be told of it. */
function loopbackUrl(rpcUrl: string | undefined): string | undefined {
  if (rpcUrl === undefined || !/^https?:/.test(rpcUrl)) return undefined
  const { hostname, username, password, search, pathname } = new URL(rpcUrl)
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
  const isPlain = username === '' && password === '' && search === '' && pathname === '/'
  return isLoopback && isPlain ? rpcUrl : undefined
}

function isBefore(reward: AccountReward, { blockNumber, logIndex }: RewardCursor): boolean {
  return reward.blockNumber < blockNumber || (reward.blockNumber === blockNumber && reward.logIndex < logIndex)
}

function sumsOf(rows: readonly AccountReward[]): { rewardedWei: string; slashedWei: string } {
  const sum = (isSlash: boolean) =>
    rows.filter(({ kind }) => (kind === 'slash') === isSlash).reduce((total, { wei }) => total + wei, 0n)
  return { rewardedWei: String(sum(false)), slashedWei: String(sum(true)) }
}

/** Finalised epochs only ascend: what lies between two of them never will be. */
function skippedOf(finalized: readonly number[]): ChainStateView['skippedEpochs'] {
  const last = finalized.at(-1)
  if (last === undefined) return { count: 0, recent: [] }
  const counted = new Set(finalized)
  const recent: number[] = []
  for (let epoch = last; epoch >= 0 && recent.length < skippedShown; epoch--)
    if (!counted.has(epoch)) recent.unshift(epoch)
  return { count: last + 1 - counted.size, recent }
}
