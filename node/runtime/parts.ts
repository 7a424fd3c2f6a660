/** Opens the parts of a node in the order in which they need each other; what was opened is closed when a later one fails. */
import { mkdir } from 'node:fs/promises'
import { loadBlake3 } from '#protocol/codec/blake3.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { encodeContent } from '#protocol/model/index.ts'
import type { Release } from '#protocol/model/release.ts'
import type { PaymentTerms } from '#protocol/payment/index.ts'
import { openShardStore } from '#sql/store/index.ts'
import type { ShardStore, TenantStore } from '#sql/store/types.ts'
import { type DataPlane, startDataPlane } from '../chunks/index.ts'
import { type Config, dataFiles, policyOf, storageOf } from '../config/index.ts'
import { Library } from '../library/index.ts'
import type { Log } from '../log/index.ts'
import { type Network, startNetwork } from '../network/index.ts'
import type { PaymentEvent } from '../payment/index.ts'
import { peekInThread } from '../peek/index.ts'
import { type PlacementDecision, PlacementService } from '../placement/index.ts'
import { QueryService } from '../query/index.ts'
import { CachedStandings, payeesOnChain, Standing } from '../standing/index.ts'
import { BannedPeers, Heartbeat, LeaseTable, ReleaseBook, Shard, type Transfer } from '../swarm/index.ts'
import { openChannel } from './channel.ts'
import { Economy } from './economy.ts'
import { dataHosts, dataPlaneConfig, networkConfig } from './endpoints.ts'

/** The person at this machine, as a tenant of the shard database. */
export const localOwner = 'local:owner'

export interface Parts {
  store: ShardStore
  tenant: TenantStore
  dataPlane: DataPlane
  network: Network
  shard: Shard
  leases: LeaseTable
  releases: ReleaseBook
  heartbeat: Heartbeat
  library: Library
  banned: BannedPeers
  standing: Standing
  placement: PlacementService
  query: QueryService
  economy: Economy
}

/** What the parts ask of, and tell to, the node around them. */
export interface PartsHost {
  isActive(): boolean
  describeLease(): Omit<Lease, 'peerId' | 'epoch' | 'sequence' | 'issuedAtMs' | 'expiresAtMs'>
  onRelease(release: Release): void
  onLeaseChange(): void
  onDecision(decision: PlacementDecision): void
  onPayment(event: PaymentEvent): void
  onTransfer(transfer: Transfer): void
}

export interface PartsOptions {
  dataDir: string
  config: Config
  log: Log
  host: PartsHost
  /** Leases of others that are kept; a node needs fewer than who looks after a swarm. */
  leasesMax?: number | undefined
}

export type Close = () => Promise<unknown>

/** Appends to `closers` as parts open; the caller runs them in reverse. */
export async function openParts(options: PartsOptions, closers: Close[]): Promise<Parts> {
  const { dataDir, config, log, host } = options
  await loadBlake3()
  await mkdir(dataFiles.models(dataDir), { recursive: true, mode: 0o700 })
  const keep: Keep = (part) => {
    closers.push(() => part.close())
    return part
  }
  const { store, dataPlane, network } = await openWorkers(options, keep)

  const tenant = store.forTenant(localOwner)
  const now = Date.now
  const leases = new LeaseTable(now, () => host.onLeaseChange(), options.leasesMax)
  const shard = new Shard({
    store: tenant,
    dataPlane,
    network,
    encodeContent,
    modelsDir: dataFiles.models(dataDir),
    log,
  })
  const releases = new ReleaseBook({
    network,
    store: tenant,
    now,
    log,
    onNew: (release) => host.onRelease(release),
    isTrusted: (publisher) => config['policy.publishers.allow'].includes(publisher),
  })
  const banned = await BannedPeers.load(tenant, now)
  const paymentOf = (peerId: PeerId) => leases.get(peerId)?.signed.lease.payment
  const { standing, economy } = await openTrade({ ...options, tenant, dataPlane, paymentOf, keep })
  const transfer = {
    dataHosts: () => dataHosts(config),
    openChannel: (peerId: PeerId, signal: AbortSignal) => openChannel(network, dataPlane, peerId, signal),
    banned,
    standing,
    isAffordable: (peerId: PeerId) => economy.payment.isAffordable(peerId, paymentOf(peerId), 'chunk'),
  }
  const onTransfer = (one: Transfer) => host.onTransfer(one)
  const sources = { network, dataPlane, leases, releases }
  const library = new Library({ ...sources, store: tenant, shard, transfer, onTransfer, now, log })
  const heartbeat = new Heartbeat({
    network,
    leases,
    describe: () => host.describeLease(),
    isGossipOn: config['network.gossip'],
    now,
    log,
  })
  const placement = new PlacementService({
    store: tenant,
    shard,
    library,
    leases,
    network,
    pledgeBytes: () => config['pledge.disk'],
    policy: () => policyOf(config),
    isActive: () => host.isActive(),
    random: Math.random,
    log,
    onDecision: (decision) => host.onDecision(decision),
  })
  const query = new QueryService({
    network,
    store: tenant,
    shard,
    library,
    leases,
    dataPlane,
    peek: peekInThread,
    isShared: () => config['policy.queries'] && host.isActive(),
  })
  return {
    store,
    tenant,
    dataPlane,
    network,
    shard,
    leases,
    releases,
    heartbeat,
    library,
    banned,
    standing,
    placement,
    query,
    economy,
  }
}

type Keep = <T extends { close(): Promise<unknown> }>(part: T) => T

/** Side by side; what has opened is kept for closing, also where another one fails. */
async function openWorkers(
  { dataDir, config }: PartsOptions,
  keep: Keep,
): Promise<{ store: ShardStore; dataPlane: DataPlane; network: Network }> {
  const storage = await storageOf(config, dataDir, process.env)
  const results = await Promise.allSettled([
    openShardStore(storage).then(keep),
    startDataPlane(dataPlaneConfig(config)).then(keep),
    startNetwork(networkConfig(dataDir, config)).then(keep),
  ])
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  const [store, dataPlane, network] = results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as [
    ShardStore,
    DataPlane,
    Network,
  ]
  await store.migrate()
  return { store, dataPlane, network }
}

interface TradeOptions extends PartsOptions {
  tenant: TenantStore
  dataPlane: DataPlane
  /** By the peer's lease. */
  paymentOf: (peerId: PeerId) => PaymentTerms | undefined
  keep: Keep
}

/** Whom to trust, and what is paid: broken promises of one are evidence for the other, the chain is known to both. */
async function openTrade({ dataDir, config, tenant, dataPlane, log, host, paymentOf, keep }: TradeOptions) {
  const now = Date.now
  const standing = keep(await Standing.load({ store: tenant, paymentOf, random: Math.random, now, log }))
  const onEvent = (event: PaymentEvent) => {
    if (isBreach(event)) void standing.blame(event.peerId, 'brokenPromises')
    host.onPayment(event)
  }
  const economy = keep(await Economy.open({ dataDir, config, tenant, dataPlane, log, onEvent }))
  if (economy.isOnChain) {
    const source = payeesOnChain(economy.domain, economy.chain)
    standing.useChain(new CachedStandings({ source, now, log }))
  }
  return { standing, economy }
}

/** What a peer signed shows it: it asked for more than it did, or promised with a signature that is none. */
function isBreach(event: PaymentEvent): boolean {
  return (
    event.type === 'broken-promise' || (event.side === 'sale' && event.type === 'stop' && event.reason === 'voucher')
  )
}
