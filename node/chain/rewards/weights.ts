/**
 * The root of an epoch, computed anew from the logs of the chain alone: the same logs give the same root on every machine,
 * so that whoever proposes one can be checked by anyone. The rule is in `reward-rule.ts`; what it leaves out and why in
 * docs/decisions/2026-11-21-reward-weights.md.
 */
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { chainSeconds } from '../clock.ts'
import { ask, interfaceOf } from '../contract-call.ts'
import { withChainFailures } from '../failure.ts'
import { readLogs } from '../logs.ts'
import type { Chain } from '../types.ts'
import { BondLedger } from './bond-ledger.ts'
import { BlockClock } from './epoch-blocks.ts'
import { emissionOf, rewardTerms, shareOut, weightOf } from './reward-rule.ts'
import { createRewardTree, type RewardTree } from './reward-tree.ts'

/** What one node earned. Amounts in wei. */
export interface NodeWeight {
  node: Address
  /** In this epoch, before cut and royalty. */
  incomeWei: bigint
  /** At the end of this epoch, without what thaws. */
  bondWei: bigint
  /** Of this epoch's emission. */
  shareWei: bigint
  /** Since the start, this epoch included: what the leaf says. */
  cumulativeWei: bigint
}

export interface EpochWeights {
  epoch: number
  /** Blocks of the epoch, from the first up to but not with the second. */
  fromBlock: number
  toBlock: number
  emissionWei: bigint
  /** Earlier epochs whose root counts: the others were skipped, and are never paid. */
  countedEpochs: number[]
  /** By address. */
  nodes: NodeWeight[]
  tree: RewardTree
}

const readContracts = ['Rewards', 'Escrow', 'Staking'] as const

interface ChainEvent {
  blockNumber: number
  logIndex: number
  name: string
  args: Record<string, string | bigint>
}

/** An epoch on the chain, in blocks. */
interface EpochSpan {
  epoch: number
  fromBlock: number
  toBlock: number
}

/**
 * @param epoch The last complete one where it is not given.
 * @throws {ERR_USAGE} where the epoch is not over @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG}
 */
export async function computeWeights(chain: Chain, epoch?: number): Promise<EpochWeights> {
  const [start] = (await ask(chain, 'Rewards', 'start')).map(Number)
  // Asked first: a block that comes in between belongs to an epoch that is not over by this time.
  const nowSeconds = await withChainFailures('the time of the chain', chain.rpcUrl, () => chainSeconds(chain))
  const clock = await BlockClock.open(chain, chain.deployedAtBlock)
  const running = Math.floor((nowSeconds - start!) / rewardTerms.epochSeconds)
  const chosen = epoch ?? running - 1
  if (chosen >= running || chosen < 0) throw notOver(Math.max(chosen, 0), start!, running)
  const startOf = (which: number) => clock.firstBlockFrom(start! + which * rewardTerms.epochSeconds)
  const toBlock = await startOf(chosen + 1)
  const events = await readEvents(chain, clock.latest.number)
  const countedEpochs = finalizedBefore(events, chosen)
  const spans: EpochSpan[] = []
  for (const which of [...countedEpochs, chosen])
    spans.push({ epoch: which, fromBlock: await startOf(which), toBlock: await startOf(which + 1) })
  const nodes = replay(
    events.filter((event) => event.blockNumber < toBlock),
    spans,
  )
  const { fromBlock } = spans.at(-1)!
  const tree = createRewardTree(new Map(nodes.map(({ node, cumulativeWei }) => [node, cumulativeWei])))
  return { epoch: chosen, fromBlock, toBlock, emissionWei: emissionOf(chosen), countedEpochs, nodes, tree }
}

/** What the rule reads, in the order of the chain. */
async function readEvents(chain: Chain, latestBlock: number): Promise<ChainEvent[]> {
  const contracts = new Map(readContracts.map((name) => [chain.addresses[name], interfaceOf(name)]))
  const filter = { address: [...contracts.keys()] }
  const logs = await readLogs(chain, filter, chain.deployedAtBlock, latestBlock)
  const events = logs.map(({ address, blockNumber, index, ...log }): ChainEvent => {
    const { name, args: values, fragment } = contracts.get(parseAddress(address))!.parseLog(log)!
    const args = Object.fromEntries(fragment.inputs.map((input, at) => [input.name, values[at]]))
    return { blockNumber, logIndex: index, name, args }
  })
  return events.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)
}

function finalizedBefore(events: readonly ChainEvent[], epoch: number): number[] {
  const finalized = events.filter(({ name }) => name === 'Finalized').map(({ args }) => Number(args['epoch']))
  return finalized.filter((each) => each < epoch).sort((a, b) => a - b)
}

/** @param spans In order, the last one being that whose root is wanted. */
function replay(events: readonly ChainEvent[], spans: readonly EpochSpan[]): NodeWeight[] {
  const bonds = new BondLedger()
  const totals = new Map<Address, bigint>()
  let last: NodeWeight[] = []
  let at = 0
  for (const { epoch, fromBlock, toBlock } of spans) {
    const incomes = new Map<Address, bigint>()
    for (; at < events.length && events[at]!.blockNumber < toBlock; at++) {
      const event = events[at]!
      addBondEvent(bonds, event)
      // Rewards has an event of this name, too, without a payee.
      if (event.name !== 'Claimed' || event.args['payee'] === undefined || event.blockNumber < fromBlock) continue
      const payee = parseAddress(String(event.args['payee']))
      incomes.set(payee, (incomes.get(payee) ?? 0n) + BigInt(event.args['amount']!))
    }
    const weights = new Map([...incomes].map(([node, income]) => [node, weightOf(income, bonds.bondOf(node))]))
    const shares = shareOut(weights, emissionOf(epoch))
    for (const [node, share] of shares) if (share > 0n) totals.set(node, (totals.get(node) ?? 0n) + share)
    last = [...totals].map(([node, cumulativeWei]) => ({
      node,
      incomeWei: incomes.get(node) ?? 0n,
      bondWei: bonds.bondOf(node),
      shareWei: shares.get(node) ?? 0n,
      cumulativeWei,
    }))
  }
  return last.sort((a, b) => (a.node < b.node ? -1 : 1))
}

function addBondEvent(bonds: BondLedger, { name, args }: ChainEvent): void {
  const node = typeof args['node'] === 'string' ? parseAddress(args['node']) : undefined
  if (node === undefined) return
  const wei = (field: string) => BigInt(args[field]!)
  if (name === 'Bonded') bonds.add({ name, node, wei: wei('assets') })
  else if (name === 'Distributed') bonds.add({ name, node, wei: wei('toBond') })
  else if (name === 'Slashed') bonds.add({ name, node, wei: wei('fromBond') })
  else if ((name === 'Unbonded' || name === 'Withdrawn') && parseAddress(String(args['holder'])) === node)
    bonds.add({ name, node, wei: wei('assets') })
}

function notOver(epoch: number, start: number, running: number): HartonomousError {
  const end = new Date((start + (epoch + 1) * rewardTerms.epochSeconds) * 1_000).toISOString()
  const message = `epoch ${epoch} ends at ${end}; the chain is in epoch ${running} now`
  return new HartonomousError('ERR_USAGE', { message })
}
