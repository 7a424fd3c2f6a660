import { entryOf, type Ledger, least, refuseIf } from './ledger.ts'

const DAY = 86_400n
const HART = 10n ** 18n
const MIN_BOND = 1_000n * HART
const UNBONDING = 14n * DAY
const BPS = 10_000n
const VIRTUAL_SHARES = 1_000n
const ONE = 10n ** 27n
const LEAST_INDEX = 10n ** 9n
export const ALL = 2n ** 256n - 1n

interface Pool {
  assets: bigint
  shares: bigint
  thawing: bigint
  index: bigint
  thawEra: number
}

interface NodeRecord {
  commissionBps: bigint
  nextBps: bigint
  nextAt: bigint
  frozen: number
  era: number
  bond: Pool
  pool: Pool
  /** Shares by era and holder. */
  shares: Map<string, bigint>
}

interface Unbonding {
  node: string
  releaseAt: bigint
  thawEra: number
  assets: bigint
  indexAt: bigint
}

function emptyPool(): Pool {
  return { assets: 0n, shares: 0n, thawing: 0n, index: ONE, thawEra: 0 }
}

function ceilDiv(left: bigint, right: bigint): bigint {
  return (left + right - 1n) / right
}

/** Staking in plain numbers, written from its interface and readable beside it. */
export class StakingReference {
  readonly nodes = new Map<string, NodeRecord>()
  burnable = 0n
  readonly #unbondings = new Map<string, Unbonding>()
  #lastId = 0n
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  register(caller: string, commissionBps: bigint, bond: bigint): void {
    refuseIf(this.nodes.has(caller), 'AlreadyRegistered')
    refuseIf(commissionBps > BPS, 'CommissionTooHigh')
    const terms = { commissionBps, nextBps: commissionBps, nextAt: 0n, frozen: 0, era: 0 }
    this.nodes.set(caller, { ...terms, bond: emptyPool(), pool: emptyPool(), shares: new Map() })
    try {
      this.#addBond(caller, bond)
    } catch (error) {
      this.nodes.delete(caller)
      throw error
    }
  }

  setCommission(caller: string, commissionBps: bigint, now: bigint): void {
    refuseIf(commissionBps > BPS, 'CommissionTooHigh')
    const node = this.#node(caller)
    node.commissionBps = now < node.nextAt ? node.commissionBps : node.nextBps
    node.nextBps = commissionBps
    node.nextAt = now + 7n * DAY
  }

  stake(caller: string, address: string, assets: bigint): void {
    const node = this.#node(address)
    if (caller === address) {
      this.#addBond(caller, assets)
      return
    }
    refuseIf(assets < HART, 'BelowMinStake')
    const { pool, bond } = node
    refuseIf(pool.assets + assets > bond.assets * 16n, 'RatioExceeded')
    const minted = (assets * (pool.shares + VIRTUAL_SHARES)) / (pool.assets + 1n)
    refuseIf(minted === 0n, 'BelowMinStake')
    this.#ledger.move(caller, 'Staking', assets)
    pool.assets += assets
    pool.shares += minted
    const key = `${node.era} ${caller}`
    node.shares.set(key, (node.shares.get(key) ?? 0n) + minted)
  }

  unbond(caller: string, address: string, assets: bigint, now: bigint): void {
    refuseIf(assets === 0n, 'ZeroAmount')
    const node = entryOf(this.nodes, address, () => {
      throw new Error('unbonding from an unknown node is not generated')
    })
    const pool = caller === address ? node.bond : node.pool
    const taken = caller === address ? this.#leaveBond(node.bond, assets) : this.#leavePool(node, caller, assets)
    pool.thawing += taken
    const unbonding = { node: address, releaseAt: now + UNBONDING, assets: taken, indexAt: pool.index }
    this.#unbondings.set(`${caller} ${++this.#lastId}`, { ...unbonding, thawEra: pool.thawEra })
  }

  withdraw(caller: string, id: bigint, now: bigint): void {
    const key = `${caller} ${id}`
    const unbonding = this.#unbondings.get(key)
    refuseIf(unbonding === undefined, 'NoSuchUnbonding')
    refuseIf(now < unbonding!.releaseAt, 'StillUnbonding')
    const node = this.#node(unbonding!.node)
    refuseIf(node.frozen !== 0, 'NodeFrozen')
    const pool = caller === unbonding!.node ? node.bond : node.pool
    const isAlive = unbonding!.thawEra === pool.thawEra
    const value = isAlive ? (unbonding!.assets * pool.index) / unbonding!.indexAt : 0n
    this.#unbondings.delete(key)
    pool.thawing -= value
    this.#ledger.move('Staking', caller, value)
  }

  distribute(caller: string, address: string, assets: bigint, now: bigint): void {
    refuseIf(assets === 0n, 'ZeroAmount')
    const node = this.#node(address)
    const bonded = node.bond.assets
    const delegated = node.pool.shares === 0n ? 0n : node.pool.assets
    refuseIf(bonded + delegated === 0n, 'NoStake')
    this.#ledger.move(caller, 'Staking', assets)
    let toPool = (assets * delegated) / (bonded + delegated)
    const commission = now < node.nextAt ? node.commissionBps : node.nextBps
    if (bonded !== 0n) toPool -= (toPool * commission) / BPS
    node.bond.assets += assets - toPool
    node.pool.assets += toPool
  }

  freeze(address: string, change: 1 | -1): void {
    const node = this.#node(address)
    node.frozen += change
  }

  slash(address: string, assets: bigint, beneficiary: string, bountyBps: bigint): void {
    const node = this.#node(address)
    const fromBond = this.#slashPool(node.bond, assets)
    const fromPool = this.#slashPool(node.pool, assets - fromBond)
    if (fromPool !== 0n && node.pool.assets === 0n && node.pool.shares !== 0n) {
      node.pool.shares = 0n
      node.era++
    }
    const taken = fromBond + fromPool
    const bounty = (taken * bountyBps) / BPS
    this.burnable += taken - bounty
    this.#ledger.move('Staking', beneficiary, bounty)
  }

  flush(): void {
    this.#ledger.burn('Staking', this.burnable)
    this.burnable = 0n
  }

  stakeOf(address: string, holder: string): bigint {
    const node = this.#node(address)
    if (holder === address) return node.bond.assets
    const shares = node.shares.get(`${node.era} ${holder}`) ?? 0n
    return (shares * (node.pool.assets + 1n)) / (node.pool.shares + VIRTUAL_SHARES)
  }

  isActive(address: string): boolean {
    return (this.nodes.get(address)?.bond.assets ?? 0n) >= MIN_BOND
  }

  canEarn(address: string): boolean {
    const { bond, pool } = this.#node(address)
    return bond.assets !== 0n || (pool.shares !== 0n && pool.assets !== 0n)
  }

  slashable(address: string): bigint {
    const { bond, pool } = this.#node(address)
    return bond.assets + bond.thawing + pool.assets + pool.thawing
  }

  #node(address: string): NodeRecord {
    const node = this.nodes.get(address)
    refuseIf(node === undefined, 'NotRegistered')
    return node!
  }

  #addBond(caller: string, assets: bigint): void {
    refuseIf(assets === 0n, 'ZeroAmount')
    const { bond } = this.#node(caller)
    refuseIf(bond.assets + assets < MIN_BOND, 'BelowMinBond')
    this.#ledger.move(caller, 'Staking', assets)
    bond.assets += assets
  }

  #leaveBond(bond: Pool, assets: bigint): bigint {
    const taken = assets === ALL ? bond.assets : assets
    refuseIf(taken === 0n || taken > bond.assets, 'Insufficient')
    const rest = bond.assets - taken
    refuseIf(rest !== 0n && rest < MIN_BOND, 'BelowMinBond')
    bond.assets = rest
    return taken
  }

  #leavePool(node: NodeRecord, caller: string, assets: bigint): bigint {
    const key = `${node.era} ${caller}`
    const held = node.shares.get(key) ?? 0n
    const { pool } = node
    const available = (held * (pool.assets + 1n)) / (pool.shares + VIRTUAL_SHARES)
    const taken = assets === ALL ? available : assets
    refuseIf(taken === 0n || taken > available, 'Insufficient')
    const burned = taken === available ? held : ceilDiv(taken * (pool.shares + VIRTUAL_SHARES), pool.assets + 1n)
    node.shares.set(key, held - burned)
    pool.assets -= taken
    pool.shares -= burned
    return taken
  }

  #slashPool(pool: Pool, wanted: bigint): bigint {
    const total = pool.assets + pool.thawing
    const taken = least(wanted, total)
    if (taken === 0n) return 0n
    const fromThawing = (taken * pool.thawing) / total
    pool.assets -= taken - fromThawing
    if (pool.thawing === 0n) return taken
    const left = pool.thawing - fromThawing
    const index = (pool.index * left) / pool.thawing
    const isGone = index < LEAST_INDEX
    pool.assets += isGone ? left : 0n
    pool.thawing = isGone ? 0n : left
    pool.index = isGone ? ONE : index
    pool.thawEra += isGone ? 1 : 0
    return taken
  }
}
