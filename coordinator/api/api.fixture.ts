/**
 * A whole coordinator in this process: its node, store, sign-in, constitution, registry and jobs are the product's own. Scripted
 * is what lies beyond it: the leases that 250 other nodes send, and what they answer.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { dataFiles, resolveConfig } from '#node/config/index.ts'
import { createLog } from '#node/log/index.ts'
import { CoordinatorClient } from '#protocol/api/client.ts'
import { peerIdFromPublicKey } from '#protocol/codec/signature.ts'
import {
  decodeSignedLease,
  encodeLease,
  encodeSignedLease,
  type Lease,
  leaseSigningBytes,
} from '#protocol/heartbeat/index.ts'
import { addressFromBytes, type ModelId, type PeerId } from '#protocol/ids.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import type { ShardStore } from '#sql/store/index.ts'
import { type Identity, type Scope, scopes } from '../identity.ts'
import { ScriptedNodes } from '../jobs/scripted-nodes.fixture.ts'
import { type CoordinatorServer, startCoordinator } from '../runtime/server.ts'
import type { ChangeFeed } from './index.ts'

const smallModel = fileURLToPath(new URL('../../models/hartling/hartling-q8_0.gguf', import.meta.url))
export const nodesKnown = 250
/** Every fifth of them is. */
export const nodesBusy = nodesKnown / 5
/** Of the one node that has a bond. */
export const bondWei = 9n

const callers = { other: scopes, reader: ['network:read'] } as const satisfies Record<string, readonly Scope[]>
export type Caller = 'owner' | keyof typeof callers

export interface ApiBench {
  url: string
  dataDir: string
  app: FastifyInstance
  changes: ChangeFeed
  coordinator: CoordinatorServer['coordinator']
  store: ShardStore
  nodes: ScriptedNodes
  /** Of the nodes that sent leases, in their order. */
  peerIds: PeerId[]
  /** The one with a bond. */
  bonded: PeerId
  model: { id: ModelId; name: string }
  tokens: Record<Caller, string>
  client: CoordinatorClient
  clientOf(caller: Caller): CoordinatorClient
  /** A node says something new of itself. */
  change(): void
  close(): Promise<void>
}

export async function startApi(): Promise<ApiBench> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hart-api-'))
  const nodes = new ScriptedNodes()
  const settings = {
    'api.port': 0,
    'network.listen': ['/ip4/127.0.0.1/tcp/0'],
    'network.mdns': false,
    'inference.enabled': false,
  }
  const server = await startCoordinator({
    dataDir,
    config: resolveConfig(settings, {}, {}).config,
    log: createLog({ level: 'silent', format: 'json' }),
    host: '127.0.0.1',
    port: 0,
    onEvent: () => undefined,
    requestStop: () => undefined,
    peers: { sit: nodes.sit, probe: async () => undefined },
  })
  const { coordinator, auth, changes, app, url } = server
  const { parts } = coordinator.node
  const model = { id: await ingest(server), name: 'tiny' }
  const remotes = Array.from({ length: nodesKnown }, (_, at) => new RemoteNode(at, model.id)).sort((a, b) =>
    a.peerId < b.peerId ? -1 : 1,
  )
  const bonded = remotes.find(({ isBonded }) => isBonded)!
  // What the chain holds of the one that names a payee.
  const bound = { state: 'bound', stakeWei: bondWei, incomeWei: 0n, disputesLost: 0, equivocations: 0 } as const
  parts.standing.useChain({ of: () => bound })
  const beat = (from: readonly RemoteNode[]) => {
    for (const remote of from) parts.leases.accept(remote.lease())
  }
  beat(remotes)
  const beating = setInterval(() => beat(remotes), leaseTtlMs / 3)
  const keyOf = async (caller: keyof typeof callers) => {
    const { key } = await auth.keys.create(personOf(caller), { label: caller, scopes: [...callers[caller]] })
    return key
  }
  const ownerToken = (await readFile(dataFiles.ownerToken(dataDir), 'utf8')).trim()
  const tokens = { owner: ownerToken, other: await keyOf('other'), reader: await keyOf('reader') }
  const clientOf = (caller: Caller) => new CoordinatorClient({ url, token: tokens[caller] })
  const client = clientOf('owner')
  await isSeen(client)
  return {
    url,
    dataDir,
    app,
    changes,
    coordinator,
    store: parts.store,
    nodes,
    peerIds: remotes.map(({ peerId }) => peerId),
    bonded: bonded.peerId,
    model,
    tokens,
    client,
    clientOf,
    change: () => beat(remotes.slice(0, 1)),
    close: async () => {
      clearInterval(beating)
      await server.close()
      await rm(dataDir, { recursive: true })
    },
  }
}

async function ingest({ coordinator: { controller } }: CoordinatorServer): Promise<ModelId> {
  const request = { path: smallModel, name: 'tiny', licence: 'MIT' }
  return (await controller.ingest(request, () => undefined, AbortSignal.timeout(60_000))).modelId as ModelId
}

/** The registry has looked: at the leases, the bond, and the name of the model. */
async function isSeen(client: CoordinatorClient): Promise<void> {
  for (;;) {
    const { totals, nodes } = await client.call('networkSnapshot', {})
    const hasBond = nodes.some(({ stake }) => stake !== undefined)
    if (totals.nodes === nodesKnown && totals.models === 1 && hasBond) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Somebody who signed in at this coordinator, and makes a key. */
function personOf(tenant: string): Identity {
  return { tenant, name: tenant, role: 'member', scopes: new Set(scopes), method: 'oidc', credential: 'test' }
}

const addressOf = (byte: number) => addressFromBytes(new Uint8Array(20).fill(byte))
const terms = {
  chainId: 31_337,
  escrow: addressOf(1),
  disputes: addressOf(2),
  payee: addressOf(3),
  signer: addressOf(3),
  prices: { weiPerGiB: 0n, weiPerKiloToken: 0n },
}

export class RemoteNode {
  readonly peerId: PeerId
  readonly publicKey: Uint8Array
  readonly isBonded: boolean
  readonly #terms: Lease['payment']
  readonly #key: KeyObject
  readonly #at: number
  readonly #modelId: ModelId
  #sequence = 0

  constructor(at: number, modelId: ModelId, payment: Lease['payment'] = at === 7 ? terms : undefined) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    this.#key = privateKey
    this.publicKey = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
    this.peerId = peerIdFromPublicKey(this.publicKey)
    this.#terms = payment
    this.isBonded = payment !== undefined
    this.#at = at
    this.#modelId = modelId
  }

  /** As it would come over the network: signed, and read by the decoder. */
  lease() {
    const issuedAtMs = Date.now()
    const lease: Lease = {
      peerId: this.peerId,
      epoch: 1,
      sequence: this.#sequence++,
      issuedAtMs,
      expiresAtMs: issuedAtMs + leaseTtlMs,
      version: '0.1.0',
      region: 'DE',
      models: [{ modelId: this.#modelId, heldChunks: 4, chunkCount: 4, canInfer: true }],
      load: 0.25,
      inferenceSlots: 2,
      inferenceSlotsFree: this.#at % 5 === 0 ? 0 : 2,
      uploadBytesPerSecond: 1000,
      diskFreeBytes: 1000,
      isDataReachable: true,
      isPaused: false,
      ...(this.#terms === undefined ? {} : { payment: this.#terms }),
    }
    const bytes = encodeLease(lease)
    const signature = new Uint8Array(sign(null, leaseSigningBytes(bytes), this.#key))
    return decodeSignedLease(encodeSignedLease({ lease, bytes, signature }))
  }
}
