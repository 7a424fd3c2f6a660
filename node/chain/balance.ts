/** All HART of one address, read from the contracts as of one block, so that the parts add up. */
import { Contract, type Interface, zeroPadValue } from 'ethers'
import { artifacts } from '#contracts/abi/artifacts.ts'
import type { BalanceView, LockView, StakeView, UnlockView } from '#protocol/api/payment.ts'
import type { Address } from '#protocol/ids.ts'
import { chainSeconds } from './clock.ts'
import { withChainFailures } from './failure.ts'
import { readLogs } from './logs.ts'
import type { Chain, ContractName } from './types.ts'

/** Questions that are under way at a time: public services refuse floods. */
const questionsMax = 16

interface Snapshot {
  chain: Chain
  address: Address
  blockNumber: number
  /** Seconds since 1970. */
  nowSeconds: number
  call(contract: ContractName, method: string, ...args: unknown[]): Promise<never>
}

/**
 * What was ever delegated, unbonded and locked is known by its events, of which only the address itself can make more.
 * @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG}
 */
export async function readBalance(chain: Chain, address: Address): Promise<BalanceView> {
  return await withChainFailures('the balance', chain.rpcUrl, async () => {
    const snapshot = await takeSnapshot(chain, address)
    const [freeWei, escrow, staking] = await Promise.all([
      snapshot.call('Token', 'balanceOf', address) as Promise<bigint>,
      readEscrow(snapshot),
      readStaking(snapshot),
    ])
    const unlocks = [...escrow.unlocks, ...staking.unlocks].sort((a, b) => a.readyAtMs - b.readyAtMs)
    const stakedWei = sum(staking.stakes)
    const unlockingWei = sum(unlocks)
    return {
      address,
      chainId: chain.chainId,
      blockNumber: snapshot.blockNumber,
      freeWei: String(freeWei),
      escrowedWei: String(escrow.escrowedWei),
      stakedWei: String(stakedWei),
      unlockingWei: String(unlockingWei),
      totalWei: String(freeWei + escrow.escrowedWei + stakedWei + unlockingWei),
      stakes: staking.stakes,
      locks: escrow.locks,
      unlocks,
    }
  })
}

async function takeSnapshot(chain: Chain, address: Address): Promise<Snapshot> {
  const [blockNumber, nowSeconds] = await Promise.all([chain.provider.getBlockNumber(), chainSeconds(chain)])
  const contracts = new Map<ContractName, Contract>()
  return {
    chain,
    address,
    blockNumber,
    nowSeconds,
    call: async (name, method, ...args) => {
      const contract = contracts.get(name) ?? new Contract(chain.addresses[name], artifacts[name].abi, chain.provider)
      contracts.set(name, contract)
      return (await contract.getFunction(method).staticCall(...args, { blockTag: blockNumber })) as never
    },
  }
}

async function readEscrow(snapshot: Snapshot) {
  const { address, call } = snapshot
  const [account, end, locks] = await Promise.all([
    call('Escrow', 'accounts', address) as Promise<{ balance: bigint; thawing: bigint }>,
    call('Escrow', 'thawEnd', address) as Promise<bigint>,
    readLocks(snapshot),
  ])
  // Vouchers may have drawn the balance below what was announced.
  const thawingWei = least(account.thawing, account.balance)
  const unlocks: UnlockView[] =
    thawingWei === 0n ? [] : [{ kind: 'escrow', wei: String(thawingWei), ...readiness(snapshot, end) }]
  return { escrowedWei: account.balance - thawingWei + sum(locks), locks, unlocks }
}

async function readLocks(snapshot: Snapshot): Promise<LockView[]> {
  const { address, call } = snapshot
  const events = await eventsOf(snapshot, 'Escrow', 'Locked', [address])
  const channels = new Map(events.map(({ payee, topic }) => [`${payee} ${topic}`, { payee: payee!, topic: topic! }]))
  const locks = await inTurns([...channels.values()], async ({ payee, topic }) => {
    const id: string = await call('Escrow', 'channelId', address, payee, topic)
    const [{ locked }, release] = await Promise.all([
      call('Escrow', 'channels', id) as Promise<{ locked: bigint }>,
      call('Escrow', 'releases', id) as Promise<{ amount: bigint; releaseAt: bigint }>,
    ])
    const releasingWei = least(release.amount, locked)
    const releasing =
      releasingWei === 0n
        ? {}
        : { releasing: { wei: String(releasingWei), readyAtMs: Number(release.releaseAt) * 1000 } }
    return { payee: payee.toLowerCase(), topic, wei: String(locked), ...releasing }
  })
  return locks.filter(({ wei }) => wei !== '0')
}

async function readStaking(snapshot: Snapshot): Promise<{ stakes: StakeView[]; unlocks: UnlockView[] }> {
  const { address, call } = snapshot
  const [delegations, unbondings] = await Promise.all([
    eventsOf(snapshot, 'Staking', 'Staked', [null, address]),
    eventsOf(snapshot, 'Staking', 'Unbonded', [null, address]),
  ])
  const nodes = new Set([address, ...delegations.map(({ node }) => node!.toLowerCase())])
  const kindOf = (node: string) => (node === address ? ('bond' as const) : ('delegation' as const))
  const stakes = await inTurns([...nodes], async (node) => {
    const wei: bigint = await call('Staking', 'stakeOf', node, address)
    return { kind: kindOf(node), node, wei: String(wei) }
  })
  const unlocks = await inTurns(unbondings, async ({ node: checksummed, id }): Promise<UnlockView[]> => {
    const node = checksummed!.toLowerCase()
    const [unbonding, wei, { frozen }] = await Promise.all([
      call('Staking', 'unbondingOf', address, id) as Promise<{ releaseAt: bigint }>,
      call('Staking', 'withdrawable', address, id) as Promise<bigint>,
      call('Staking', 'nodeOf', node) as Promise<{ frozen: bigint }>,
    ])
    // It was withdrawn.
    if (unbonding.releaseAt === 0n) return []
    return [
      {
        kind: kindOf(node),
        wei: String(wei),
        ...readiness(snapshot, unbonding.releaseAt),
        unbonding: { node, id: id!, isFrozen: frozen > 0n },
      },
    ]
  })
  return { stakes: stakes.filter(({ wei }) => wei !== '0'), unlocks: unlocks.flat() }
}

/** Arguments of the events of one name, as text. `topics`: what its indexed arguments must be, null for any. */
async function eventsOf(
  { chain, blockNumber }: Snapshot,
  name: ContractName,
  event: string,
  topics: (Address | null)[],
): Promise<Record<string, string>[]> {
  const { interface: abi }: { interface: Interface } = new Contract(chain.addresses[name], artifacts[name].abi)
  const padded = topics.map((topic) => (topic === null ? null : zeroPadValue(topic, 32)))
  const filter = { address: chain.addresses[name], topics: [abi.getEvent(event)!.topicHash, ...padded] }
  const logs = await readLogs(chain, filter, chain.deployedAtBlock, blockNumber)
  return logs.map((log) => {
    const { args, fragment } = abi.parseLog(log)!
    return Object.fromEntries(fragment.inputs.map((input, index) => [input.name, String(args[index])]))
  })
}

function readiness({ nowSeconds }: Snapshot, atSeconds: bigint) {
  return { readyAtMs: Number(atSeconds) * 1000, isReady: nowSeconds >= Number(atSeconds) }
}

async function inTurns<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  for (let at = 0; at < items.length; at += questionsMax)
    answers.push(...(await Promise.all(items.slice(at, at + questionsMax).map(ask))))
  return answers
}

/** `Math.min` takes no bigint. */
function least(a: bigint, b: bigint): bigint {
  if (a < b) return a
  return b
}

function sum(parts: readonly { wei: string }[]): bigint {
  return parts.reduce((total, { wei }) => total + BigInt(wei), 0n)
}
