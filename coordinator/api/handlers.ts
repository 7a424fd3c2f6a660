/** Each route's call of the services: nothing is decided here. */
import { isFinalJobState, type SubmitRequest } from '#protocol/api/jobs.ts'
import type { BodyOf, JsonRoute, OutputOf, ParamsOf, QueryOf } from '#protocol/api/routes/index.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { parseAddress } from '#protocol/ids.ts'
import type { Identity } from '../identity.ts'
import { pageOf } from './page.ts'
import type { ApiServices } from './services.ts'

export interface Call<N extends JsonRoute> {
  identity: Identity
  params: ParamsOf<N>
  query: QueryOf<N>
  body: BodyOf<N>
  signal: AbortSignal
  idempotencyKey?: string
  traceparent?: string
}

export type Handlers = { [N in JsonRoute]: (call: Call<N>) => Promise<OutputOf<N>> }

export function createHandlers(services: ApiServices): Handlers {
  return {
    ...networkHandlers(services),
    ...modelHandlers(services),
    ...jobHandlers(services),
    ...moneyHandlers(services),
    ...chainHandlers(services),
    ...workflowHandlers(services),
    ...keyHandlers(services),
    ...constitutionHandlers(services),
    ...healthHandlers(services),
  }
}

type Of<N extends JsonRoute> = Pick<Handlers, N>

function networkHandlers({
  registry,
}: ApiServices): Of<
  'listNodes' | 'getNode' | 'networkSnapshot' | 'networkChanges' | 'listNetworkEvents' | 'listModels' | 'modelCoverage'
> {
  return {
    listNodes: async ({ query }) => registry.nodes(query),
    getNode: async ({ params }) => registry.node(params.peerId),
    networkSnapshot: async () => registry.snapshot(),
    networkChanges: async ({ query }) => registry.changes(query.since),
    listNetworkEvents: async ({ query }) => ({ events: registry.events(query) }),
    listModels: async ({ query }) => registry.models(query),
    modelCoverage: async ({ params }) => registry.coverage(params.model),
  }
}

function modelHandlers({
  node,
}: ApiServices): Of<
  | 'getModel'
  | 'listReleases'
  | 'listComponents'
  | 'listTensors'
  | 'getTensor'
  | 'find'
  | 'walk'
  | 'closure'
  | 'planLoad'
  | 'sqlSchema'
  | 'sql'
> {
  return {
    getModel: async ({ params }) => node.model(params.model),
    listReleases: async ({ query }) => {
      const { rows, ...rest } = pageOf(await node.models(), query)
      const releases = rows.map((model) => {
        const { modelId, name, licence, publisher, architecture, format, parameterCount, sizeBytes, heldBytes } = model
        return { modelId, name, licence, publisher, architecture, format, parameterCount, sizeBytes, heldBytes }
      })
      return { releases, ...rest }
    },
    listComponents: async ({ query: { model, kind, layerMin, layerMax, ...page } }) => {
      const filter = {
        ...(kind === undefined ? {} : { kind }),
        ...(layerMin === undefined ? {} : { layerMin }),
        ...(layerMax === undefined ? {} : { layerMax }),
      }
      const { rows, ...rest } = pageOf(await node.components(model, filter), page)
      return { components: rows, ...rest }
    },
    listTensors: async ({ query: { model, ...page } }) => {
      const { rows, ...rest } = pageOf(await node.tensors(model), page)
      return { tensors: rows, ...rest }
    },
    getTensor: async ({ params, query, signal }) => {
      const { model, firstRow: first, lastRow: last = first, stats = false } = query
      const rows = first === undefined || last === undefined ? {} : { rows: { first, last } }
      return node.tensor(model, params.tensor, { ...rows, stats }, signal)
    },
    find: async ({ body, signal }) => node.queries.find(body, signal),
    walk: async ({ body, signal }) => node.queries.walk(body, signal),
    closure: async ({ body, signal }) => node.queries.closure(body, signal),
    planLoad: async ({ body, signal }) => ({ plans: await node.queries.plan(body, signal) }),
    sqlSchema: async () => ({ views: node.sqlSchema() }),
    sql: async ({ body, signal }) => node.sql(body, signal),
  }
}

function jobHandlers({
  jobs,
}: ApiServices): Of<
  | 'quoteJob'
  | 'submitJob'
  | 'listJobs'
  | 'getJob'
  | 'cancelJob'
  | 'jobResult'
  | 'jobRequest'
  | 'jobReceipts'
  | 'approveJob'
> {
  return {
    quoteJob: async ({ identity, body }) => jobs.quote(identity, body),
    submitJob: async ({ identity, body, idempotencyKey, traceparent }) =>
      jobs.submit(identity, body as SubmitRequest, {
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        ...(traceparent === undefined ? {} : { traceparent }),
      }),
    listJobs: async ({ identity, query: { state: states, ...query } }) =>
      jobs.list(identity, states === undefined ? query : { ...query, states }),
    getJob: async ({ identity, params }) => jobs.get(identity, params.jobId),
    cancelJob: async ({ identity, params }) => jobs.cancel(identity, params.jobId),
    jobResult: async ({ identity, params: { jobId }, query: { waitMs = 0 }, signal }) => {
      if (waitMs > 0) await ended(jobs, identity, jobId, AbortSignal.any([signal, AbortSignal.timeout(waitMs)]))
      return jobs.result(identity, jobId)
    },
    jobRequest: async ({ identity, params }) => jobs.request(identity, params.jobId),
    jobReceipts: async ({ identity, params }) => ({ receipts: await jobs.receipts(identity, params.jobId) }),
    approveJob: async ({ identity, params, body }) => jobs.approve(identity, params.jobId, body.step, body.isApproved),
  }
}

/** Until the job has ended, or the time is over. @throws {ERR_NOT_FOUND} */
async function ended(jobs: ApiServices['jobs'], identity: Identity, jobId: string, signal: AbortSignal): Promise<void> {
  const { state } = await jobs.get(identity, jobId)
  if (isFinalJobState(state)) return
  try {
    for await (const event of jobs.events(identity, jobId, 0, signal))
      if (event.type === 'state' && isFinalJobState(event.state)) return
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function moneyHandlers({ jobs, registry, node }: ApiServices): Of<'listReceipts' | 'listStakes' | 'balances'> {
  return {
    listReceipts: async ({ identity, query }) => {
      const { jobs: page, nextCursor } = await jobs.list(identity, query)
      const receipts = await Promise.all(page.map(({ jobId }) => jobs.receipts(identity, jobId)))
      return { receipts: receipts.flat(), ...(nextCursor === undefined ? {} : { nextCursor }) }
    },
    listStakes: async ({ query }) => {
      const { nodes, nextCursor } = registry.nodes(query)
      const stakes = nodes.flatMap(({ peerId, stake }) => (stake === undefined ? [] : [{ peerId, ...stake }]))
      return { stakes, ...(nextCursor === undefined ? {} : { nextCursor }) }
    },
    balances: async () => {
      try {
        return await node.payment.balance()
      } catch (error) {
        // It says that the setting is empty; to who asks, there is no chain.
        if (!isHartonomousError(error, 'ERR_CONFIG')) throw error
        throw new HartonomousError('ERR_NOT_FOUND', { kind: 'chain', id: 'of this coordinator' }, { cause: error })
      }
    },
  }
}

function chainHandlers({
  chain,
}: ApiServices): Of<'chainState' | 'account' | 'accountRewards' | 'fundAccount' | 'listDelegates' | 'getDelegate'> {
  return {
    chainState: async () => chain.state(),
    account: async ({ params }) => chain.account(parseAddress(params.address)),
    accountRewards: async ({ params, query }) => chain.rewards(parseAddress(params.address), query),
    fundAccount: async ({ params }) => chain.fund(parseAddress(params.address)),
    listDelegates: async ({ query }) => chain.delegates(query),
    getDelegate: async ({ params }) => chain.delegate(parseAddress(params.address)),
  }
}

function workflowHandlers({
  workflows,
}: ApiServices): Of<'listWorkflows' | 'getWorkflow' | 'listTools' | 'saveWorkflow'> {
  return {
    listWorkflows: async ({ identity, query }) => {
      const { rows, ...rest } = pageOf(await workflows.list(identity), query)
      return { workflows: rows, ...rest }
    },
    getWorkflow: async ({ identity, params }) => workflows.get(identity, params.name),
    listTools: async () => ({ tools: workflows.tools() }),
    saveWorkflow: async ({ identity, params, body }) => {
      if (body.name === params.name) return workflows.save(identity, body)
      const message = `name: the graph calls itself ${JSON.stringify(body.name)}, the path ${JSON.stringify(params.name)}`
      throw new HartonomousError('ERR_USAGE', { message, param: 'name' })
    },
  }
}

function keyHandlers({ keys }: ApiServices): Of<'createKey' | 'listKeys' | 'revokeKey'> {
  return {
    createKey: async ({ identity, body }) => keys.create(identity, body),
    listKeys: async ({ identity }) => ({ keys: await keys.list(identity) }),
    revokeKey: async ({ identity, params: { keyId } }) => {
      await keys.revoke(identity, keyId)
      return { keyId, isRevoked: true }
    },
  }
}

function constitutionHandlers({
  constitution,
}: ApiServices): Of<
  | 'getConstitution'
  | 'listConstitutionVersions'
  | 'getConstitutionVersion'
  | 'checkConstitution'
  | 'replaceConstitution'
  | 'decide'
  | 'listAudit'
  | 'replayAudit'
> {
  return {
    getConstitution: async ({ identity }) => constitution.current(identity),
    listConstitutionVersions: async ({ identity, query }) => {
      const { rows, ...rest } = pageOf(await constitution.versions(identity), query)
      return { versions: rows, ...rest }
    },
    getConstitutionVersion: async ({ identity, params }) => constitution.version(identity, params.hash),
    checkConstitution: async ({ identity, body }) => constitution.check(identity, body.text),
    replaceConstitution: async ({ identity, body }) => constitution.replace(identity, body.text, body.previous),
    decide: async ({ identity, body }) => ({ decisions: await constitution.decide(identity, body) }),
    listAudit: async ({ identity, query }) => constitution.audit(identity, query),
    replayAudit: async ({ identity, signal }) => constitution.replay(identity, signal),
  }
}

function healthHandlers({
  node,
  about,
  checks = async () => [],
}: ApiServices): Of<'healthz' | 'readyz' | 'version' | 'about'> {
  return {
    healthz: async () => ({ status: 'alive' }),
    readyz: async () => {
      const all = [...(await node.health()), ...(await checks())]
      return { ready: all.every(({ ok }) => ok), checks: all }
    },
    version: async () => ({ version: node.version }),
    about: async () => about(),
  }
}
