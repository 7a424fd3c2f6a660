import { zeroPadValue } from 'ethers'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { ask, type ContractCall, contractCall, eventOf, interfaceOf, type ReadEvents } from './contract-call.ts'
import { readLogs } from './logs.ts'
import { TokenClient } from './token-client.ts'
import type { Chain, ChainSigner } from './types.ts'

export interface NodeRecord {
  /** Public key of its libp2p identity (ed25519, 32 bytes). */
  peerKey: Uint8Array
  registeredAtSeconds: number
  /** Share of its delegators' rewards, in 1/10 000, that applies now. */
  commissionBps: number
  /** Disputes and jury seats that keep its stake from leaving. */
  frozen: number
}

/** A bond, or all that is delegated to a node. */
export interface StakedPool {
  /** Earns, counts, can be slashed. */
  assetsWei: bigint
  /** On its way out: earns nothing, can be slashed. */
  thawingWei: bigint
}

export interface Unbonding {
  id: bigint
  node: Address
  /** What `withdraw` would pay now, slashes counted. */
  amountWei: bigint
  /** Seconds since 1970. */
  releaseAtSeconds: number
}

/** Stake of one holder with one node, without what is on its way out. */
export interface Stake {
  node: Address
  amountWei: bigint
}

export interface StakingTerms {
  minBondWei: bigint
  minStakeWei: bigint
  /** Delegation that a node may take, for each unit of its bond. */
  delegationRatio: number
  unbondingSeconds: number
  /** Between the announcement of a commission and its start. */
  commissionNoticeSeconds: number
}

/** As the contract takes it for all that there is. */
export const allStakeWei = 2n ** 256n - 1n

/** Bonds of nodes and delegation to them. Methods that return a call send nothing by themselves. */
export class StakingClient {
  readonly #chain: Chain
  readonly #token: TokenClient

  constructor(chain: Chain) {
    this.#chain = chain
    this.#token = new TokenClient(chain)
  }

  /** Undefined where no node has this address. */
  async nodeOf(node: Address): Promise<NodeRecord | undefined> {
    const [[record], [commission]] = await Promise.all([
      ask(this.#chain, 'Staking', 'nodeOf', node),
      ask(this.#chain, 'Staking', 'commissionOf', node),
    ])
    if (record.registeredAt === 0n) return undefined
    return {
      peerKey: new Uint8Array(Buffer.from(record.peerKey.slice(2), 'hex')),
      registeredAtSeconds: Number(record.registeredAt),
      commissionBps: Number(commission),
      frozen: Number(record.frozen),
    }
  }

  async bondOf(node: Address): Promise<StakedPool> {
    return await this.#pool('bondOf', node)
  }

  async poolOf(node: Address): Promise<StakedPool> {
    return await this.#pool('poolOf', node)
  }

  /** What `holder` has with a node, without what thaws; for the node itself its bond. */
  async stakeOf(node: Address, holder: Address): Promise<bigint> {
    return (await ask(this.#chain, 'Staking', 'stakeOf', node, holder))[0]
  }

  /** Whether the node may do bonded work. */
  async isActive(node: Address): Promise<boolean> {
    return (await ask(this.#chain, 'Staking', 'isActive', node))[0]
  }

  /** Everything that a slash could take. */
  async slashable(node: Address): Promise<bigint> {
    return (await ask(this.#chain, 'Staking', 'slashable', node))[0]
  }

  /** Until when receipts of `signer` bind the node, in seconds since 1970; 0 for never, Infinity for no end. */
  async signerValidUntil(node: Address, signer: Address): Promise<number> {
    const [until] = await ask(this.#chain, 'Staking', 'signerValidUntil', node, signer)
    return until === 2n ** 64n - 1n ? Number.POSITIVE_INFINITY : Number(until)
  }

  async terms(): Promise<StakingTerms> {
    const methods = ['MIN_BOND', 'MIN_STAKE', 'DELEGATION_RATIO', 'UNBONDING', 'COMMISSION_NOTICE']
    const values = await Promise.all(methods.map((method) => ask(this.#chain, 'Staking', method)))
    const [minBondWei, minStakeWei, ratio, unbonding, notice] = values.map(([value]) => value as bigint)
    return {
      minBondWei: minBondWei!,
      minStakeWei: minStakeWei!,
      delegationRatio: Number(ratio),
      unbondingSeconds: Number(unbonding),
      commissionNoticeSeconds: Number(notice),
    }
  }

  /** Where `holder` has stake, its own bond included; read from the events, because the contract keeps no list. */
  async stakesOf(holder: Address): Promise<Stake[]> {
    const nodes = await this.#nodesOf(holder)
    const stakes = await Promise.all(nodes.map(async (node) => ({ node, amountWei: await this.stakeOf(node, holder) })))
    return stakes.filter(({ amountWei }) => amountWei > 0n)
  }

  /** What is on its way out, soonest first; read from the events, because the contract keeps no list. */
  async unbondingsOf(holder: Address): Promise<Unbonding[]> {
    const abi = interfaceOf('Staking')
    const started = await this.#eventsOf('Unbonded', holder)
    const ids = started.map((log) => abi.parseLog(log)!.args['id'] as bigint)
    const unbondings = await Promise.all(ids.map((id) => this.#unbonding(holder, id)))
    return unbondings
      .filter((unbonding) => unbonding !== undefined)
      .sort((a, b) => a.releaseAtSeconds - b.releaseAtSeconds)
  }

  /** Makes the sender a node; it has approved the bond. @param peerKey 32 bytes (ed25519). */
  register(peerKey: Uint8Array, commissionBps: number, bondWei: bigint): ContractCall {
    return this.#call('register', [peerKey, commissionBps, bondWei])
  }

  setPeerKey(peerKey: Uint8Array): ContractCall {
    return this.#call('setPeerKey', [peerKey])
  }

  setCommission(commissionBps: number): ContractCall {
    return this.#call('setCommission', [commissionBps])
  }

  /** Receipts of `signer` bind the sending node. */
  addSigner(signer: Address): ContractCall {
    return this.#call('addSigner', [signer])
  }

  removeSigner(signer: Address): ContractCall {
    return this.#call('removeSigner', [signer])
  }

  /** To the sender's own bond, or a delegation; the sender has approved the amount. */
  stake(node: Address, amountWei: bigint): ContractCall {
    return this.#call('stake', [node, amountWei])
  }

  /** `stake` with the approval in the same transaction; the call is for this signer alone. */
  async stakeWithPermit(signer: ChainSigner, node: Address, amountWei: bigint): Promise<ContractCall> {
    const permit = await this.#token.permit(signer, this.#chain.addresses.Staking, amountWei)
    return this.#call('stakeWithPermit', [node, amountWei, ...permit])
  }

  /** @param amountWei `allStakeWei` takes all. */
  unbond(node: Address, amountWei: bigint): ContractCall<Unbonding> {
    return this.#call('unbond', [node, amountWei], (events) => {
      const { id, assets, releaseAt } = eventOf(events, 'Unbonded').args
      return { id, node, amountWei: assets, releaseAtSeconds: Number(releaseAt) }
    })
  }

  withdraw(id: bigint): ContractCall<{ amountWei: bigint }> {
    return this.#call('withdraw', [id], (events) => ({ amountWei: eventOf(events, 'Withdrawn').args['assets'] }))
  }

  async #pool(method: string, node: Address): Promise<StakedPool> {
    const [pool] = await ask(this.#chain, 'Staking', method, node)
    return { assetsWei: pool.assets, thawingWei: pool.thawing }
  }

  async #unbonding(holder: Address, id: bigint): Promise<Unbonding | undefined> {
    const [[unbonding], [amountWei]] = await Promise.all([
      ask(this.#chain, 'Staking', 'unbondingOf', holder, id),
      ask(this.#chain, 'Staking', 'withdrawable', holder, id),
    ])
    // It was withdrawn.
    if (unbonding.releaseAt === 0n) return undefined
    return { id, node: parseAddress(unbonding.node), amountWei, releaseAtSeconds: Number(unbonding.releaseAt) }
  }

  async #nodesOf(holder: Address): Promise<Address[]> {
    const abi = interfaceOf('Staking')
    const logs = await this.#eventsOf('Staked', holder)
    const nodes = logs.map((log) => parseAddress(abi.parseLog(log)!.args['node']))
    // An address that is no node has no bond.
    return [...new Set([holder, ...nodes])]
  }

  /** Events whose second indexed value is the holder. */
  async #eventsOf(event: 'Staked' | 'Unbonded', holder: Address) {
    const { topicHash } = interfaceOf('Staking').getEvent(event)!
    const filter = { address: this.#chain.addresses.Staking, topics: [topicHash, null, zeroPadValue(holder, 32)] }
    return await readLogs(this.#chain, filter, this.#chain.deployedAtBlock)
  }

  #call<T>(method: string, args: readonly unknown[], readEvents?: ReadEvents<T>): ContractCall<T> {
    const call = { chain: this.#chain, contract: 'Staking', method, args } as const
    return contractCall(readEvents === undefined ? call : { ...call, readEvents })
  }
}
