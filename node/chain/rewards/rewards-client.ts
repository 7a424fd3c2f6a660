import { hexlify } from 'ethers'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { ask, type ContractCall, contractCall, eventOf, type ReadEvents } from '../contract-call.ts'
import type { Chain } from '../types.ts'

/** A root that waits for its challenge window. */
export interface RootProposal {
  /** Names it in Disputes, `0x…` of 32 bytes. */
  id: string
  root: string
  epoch: number
  proposer: Address
  proposedAtSeconds: number
  /** Until then it can be disputed, and after it finalised. */
  challengeEndSeconds: number
}

/** Daily emission. Methods that return a call send nothing by themselves. */
export class RewardsClient {
  readonly #chain: Chain

  constructor(chain: Chain) {
    this.#chain = chain
  }

  /** Undefined where none waits. */
  async pending(): Promise<RootProposal | undefined> {
    const read = (method: string) => ask(this.#chain, 'Rewards', method)
    const [[id], [proposal], [window]] = await Promise.all([
      read('pendingId'),
      read('pending'),
      read('CHALLENGE_WINDOW'),
    ])
    if (BigInt(id) === 0n) return undefined
    const proposedAtSeconds = Number(proposal.proposedAt)
    return {
      id,
      root: proposal.root,
      epoch: Number(proposal.epoch),
      proposer: parseAddress(proposal.proposer),
      proposedAtSeconds,
      challengeEndSeconds: proposedAtSeconds + Number(window),
    }
  }

  /** The root that counts, and the first epoch that it does not cover; undefined before the first. */
  async finalized(): Promise<{ root: string; epoch: number } | undefined> {
    const read = (method: string) => ask(this.#chain, 'Rewards', method)
    const [[root], [next]] = await Promise.all([read('root'), read('nextEpoch')])
    return next === 0n ? undefined : { root, epoch: Number(next) - 1 }
  }

  /** What a node has been paid, and the most that it may have been paid by now. */
  async standing(node: Address): Promise<{ claimedWei: bigint; capWei: bigint }> {
    const [[claimedWei], [capWei]] = await Promise.all([
      ask(this.#chain, 'Rewards', 'claimed', node),
      ask(this.#chain, 'Rewards', 'capOf', node),
    ])
    return { claimedWei, capWei }
  }

  /** For the last complete epoch; the sender is an active node. */
  propose(root: Uint8Array): ContractCall<{ id: string; epoch: number }> {
    return this.#call('propose', [root], (events) => {
      const { id, epoch } = eventOf(events, 'Proposed').args
      return { id, epoch: Number(epoch) }
    })
  }

  /** Anyone may send it, after the challenge window. */
  finalize(): ContractCall<{ epoch: number; emissionWei: bigint }> {
    return this.#call('finalize', [], (events) => {
      const { epoch, emission } = eventOf(events, 'Finalized').args
      return { epoch: Number(epoch), emissionWei: emission }
    })
  }

  /** Anyone may send it; it goes to the stake of the node. */
  claim(node: Address, cumulativeWei: bigint, proof: readonly Uint8Array[]): ContractCall<{ amountWei: bigint }> {
    return this.#call('claim', [node, cumulativeWei, proof.map((hash) => hexlify(hash))], (events) => ({
      amountWei: eventOf(events, 'Claimed').args['amount'],
    }))
  }

  #call<T>(method: string, args: readonly unknown[], readEvents: ReadEvents<T>): ContractCall<T> {
    return contractCall({ chain: this.#chain, contract: 'Rewards', method, args, readEvents })
  }
}
