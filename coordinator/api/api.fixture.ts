/** The whole API on a real server, over services that keep their things in memory and let a test decide what happens. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createHttpServer, openOwnerAuth } from '#node/gateway/index.ts'
import { CoordinatorClient } from '#protocol/api/client.ts'
import type { NodeView, SwarmModelView } from '#protocol/api/network.ts'
import type { ApiKeyView } from '#protocol/api/routes/keys.ts'
import type { WorkflowView } from '#protocol/api/routes/workflows.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import { auditTenant, openConstitution } from '../constitution/index.ts'
import { type Identity, type Scope, scopes } from '../identity.ts'
import { ConstitutionDesk } from '../runtime/constitution-desk.ts'
import type { ApiKeyService, OwnNode, RegistryService, WorkflowService } from '../service.ts'
import { ChangeFeed, registerApi } from './index.ts'
import { TestJobs } from './jobs.fixture.ts'
import { pageOf } from './page.ts'

export interface ApiBench {
  url: string
  app: FastifyInstance
  changes: ChangeFeed
  jobs: TestJobs
  nodes: NodeView[]
  client: CoordinatorClient
  clientOf(token: string): CoordinatorClient
  /** Grows the registry's revision, as a change would. */
  change(): void
  isHealthy: boolean
  close(): Promise<void>
}

/** Token -> who comes with it. */
const callers: Readonly<Record<string, { tenant: string; scopes: readonly Scope[] }>> = {
  owner: { tenant: 'local:owner', scopes },
  other: { tenant: 'other', scopes },
  reader: { tenant: 'reader', scopes: ['network:read'] },
}

async function identify(request: FastifyRequest): Promise<Identity> {
  const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
  const caller = callers[token]
  if (caller === undefined) throw new HartonomousError('ERR_AUTH', { reason: 'no token that is known' })
  return {
    tenant: caller.tenant,
    name: token,
    role: token === 'reader' ? 'reader' : 'owner',
    scopes: new Set(caller.scopes),
    method: 'owner',
    credential: token,
  }
}

export async function startApi(): Promise<ApiBench> {
  // As a coordinator has it: foreign pages are refused before any route.
  const folder = await mkdtemp(join(tmpdir(), 'hart-api-'))
  const auth = await openOwnerAuth({ tokenFile: join(folder, 'owner.token') })
  const http = createHttpServer({ host: '127.0.0.1', port: 0, auth })
  const { app } = http
  const changes = new ChangeFeed()
  const jobs = new TestJobs((tenant, jobId) => changes.publish({ type: 'job', jobId }, tenant))
  const nodes = Array.from({ length: 250 }, (_, at) => testNode(at))
  const state = { isHealthy: true, revision: 1 }
  const store = await openEmbeddedStore({ path: ':memory:' })
  const audit = store.forTenant(auditTenant)
  const constitution = await openConstitution({ documents: audit, ledger: audit, now: Date.now })
  await registerApi(app, {
    constitution: new ConstitutionDesk(constitution),
    jobs,
    registry: testRegistry(nodes, state),
    workflows: testWorkflows(),
    keys: testKeys(),
    node: testOwnNode(state),
    changes,
    identify,
  })
  const { url } = await http.listen()
  const clientOf = (token: string) => new CoordinatorClient({ url, token })
  return {
    url,
    app,
    changes,
    jobs,
    nodes,
    client: clientOf('owner'),
    clientOf,
    change: () => {
      state.revision++
    },
    get isHealthy() {
      return state.isHealthy
    },
    set isHealthy(value) {
      state.isHealthy = value
    },
    close: async () => {
      await http.close()
      await constitution.close()
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

function testNode(at: number): NodeView {
  return {
    peerId: `node-${String(at).padStart(4, '0')}`,
    state: at % 5 === 0 ? 'busy' : 'ready',
    reason: 'a probe was answered',
    sinceMs: 1,
    source: 'lease',
    ageMs: 5,
    version: '0.1.0',
    region: 'DE',
    models: [{ modelId: 'bafy-model', name: 'tiny', heldChunks: 4, chunkCount: 4, canInfer: true }],
    load: 0.25,
    inferenceSlots: 2,
    inferenceSlotsFree: 1,
    uploadBytesPerSecond: 1000,
    diskFreeBytes: 1000,
    isDataReachable: true,
    score: 0.5,
    ...(at === 7 ? { stake: { payee: '0xabc', bondWei: '9', isBound: true, readAtMs: 1 } } : {}),
  }
}

function testRegistry(nodes: readonly NodeView[], counter: { revision: number }): RegistryService {
  const snapshot = () => ({
    revision: counter.revision,
    takenAtMs: 1,
    leaseTtlMs: 30_000,
    nodes: [...nodes],
    totals: {
      nodes: nodes.length,
      nodesReady: nodes.filter(({ state }) => state === 'ready').length,
      models: 1,
      inferenceSlots: 500,
      inferenceSlotsFree: 250,
      uploadBytesPerSecond: 1,
      jobsRunning: 0,
      jobsToday: 0,
    },
  })
  return {
    nodes: ({ state, modelId, ...page }) => {
      const { rows, ...rest } = pageOf(
        nodes.filter(
          (node) =>
            (state === undefined || node.state === state) &&
            (modelId === undefined || node.models.some((model) => model.modelId === modelId)),
        ),
        page,
      )
      return { nodes: rows, ...rest }
    },
    node: (peerId) => {
      const node = nodes.find((each) => each.peerId === peerId)
      if (node === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'node', id: peerId })
      return node
    },
    models: async (page) => {
      const { rows, ...rest } = pageOf([testModel], page)
      return { models: rows, ...rest }
    },
    coverage: async (reference) => {
      if (reference !== testModel.name) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: reference })
      const parts = [{ key: 'blk.0.ffn', kind: 'ffn', layer: 0, sizeBytes: 10, holders: 2 }]
      return { modelId: testModel.modelId, name: 'tiny', parts, holdersMin: 2, source: 'lease', countedAtMs: 1 }
    },
    snapshot,
    snapshotJson: () => Buffer.from(JSON.stringify(snapshot())),
  }
}

const testModel: SwarmModelView = {
  modelId: 'bafy-model',
  name: 'tiny',
  publisher: 'node-0001',
  licence: 'Apache-2.0',
  sizeBytes: 10,
  source: 'dht',
  ageMs: 5,
  holders: 2,
  wholeHolders: 2,
  answerers: 1,
}

/** A node without models, on no chain. */
function testOwnNode(state: { isHealthy: boolean }): OwnNode {
  const none = async (reference: string) => {
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: reference.slice(0, 200) })
  }
  const components = Array.from({ length: 120 }, (_, layer) => ({
    key: `blk.${layer}.ffn`,
    kind: 'ffn',
    layer,
    sizeBytes: 10,
    heldBytes: 10,
    parameterCount: 5,
  }))
  return {
    version: '0.1.0',
    models: async () => [],
    model: none,
    components: async (reference, { layerMin = 0, layerMax = 1000 }) =>
      reference === 'tiny' ? components.filter(({ layer }) => layer >= layerMin && layer <= layerMax) : none(reference),
    tensors: none,
    tensor: none,
    sql: async ({ sql }) => {
      if (!sql.startsWith('SELECT')) throw new HartonomousError('ERR_QUERY_INVALID', { reason: 'reads only' })
      return { columns: ['one'], rows: [[1]], isTruncated: false, durationMs: 1 }
    },
    sqlSchema: () => [{ name: 'models', meaning: 'models', columns: [] }],
    health: async () => [state.isHealthy ? { name: 'store', ok: true } : { name: 'store', ok: false, reason: 'full' }],
    metrics: async () => 'hartonomous_peers 1\n',
    queries: {
      find: async () => ({ rows: [], isTruncated: false, explain: ['looked here'], asked: [] }),
      walk: async ({ keys }) => ({ steps: keys.map((key) => ({ key, hops: 0 })), isTruncated: false }),
      closure: async ({ model }) => none(model),
      plan: async () => [],
    },
    payment: {
      balance: () => Promise.reject(new HartonomousError('ERR_CONFIG', { key: 'chain.rpc', reason: 'not set' })),
    },
  }
}

function testWorkflows(): WorkflowService {
  const saved = new Map<string, WorkflowView>()
  return {
    list: async () =>
      [...saved.values()].map(({ name, origin, graph }) => ({ name, origin, steps: graph.steps.length })),
    get: async (_identity, name) => {
      const view = saved.get(name)
      if (view === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'workflow', id: name })
      return view
    },
    save: async (_identity, graph) => {
      const view: WorkflowView = { name: graph.name, origin: 'saved', graph, version: '00' }
      saved.set(graph.name, view)
      return view
    },
  }
}

function testKeys(): ApiKeyService {
  const keys = new Map<string, ApiKeyView>()
  return {
    create: async (_identity, { label, scopes: given }) => {
      const view = { keyId: `key${keys.size}`, label, scopes: given, createdAtMs: 1 }
      keys.set(view.keyId, view)
      return { ...view, key: 'hart_secret' }
    },
    list: async () => [...keys.values()],
    revoke: async (_identity, keyId) => {
      const view = keys.get(keyId)
      if (view === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'key', id: keyId })
      keys.set(keyId, { ...view, revokedAtMs: 2 })
    },
  }
}
