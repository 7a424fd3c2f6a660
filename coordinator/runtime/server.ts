/** A coordinator with its faces: the node's own API on one port, that of the coordinator on another. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Config, dataFiles } from '#node/config/index.ts'
import {
  createHttpServer,
  type HttpServer,
  isLoopbackAddress,
  type OwnerAuth,
  openAiGateway,
  openOwnerAuth,
  pageRoutes,
} from '#node/gateway/index.ts'
import type { Log } from '#node/log/index.ts'
import { type NodeServer, startServer } from '#node/runtime/index.ts'
import type { StampedEvent } from '#protocol/api/control.ts'
import { registryLeasesMax } from '#protocol/limits.ts'
import { type ApiServices, ChangeFeed, registerApi } from '../api/index.ts'
import { OpenAiFace } from '../api/openai/index.ts'
import { assertScope, authRoutes, type CoordinatorAuth, coordinatorTenant, openAuth } from '../auth/index.ts'
import { type CoordinatorConfig, readCoordinatorConfig } from '../config.ts'
import { auditTenant, type Constitution, openConstitution } from '../constitution/index.ts'
import { ChainDesk } from './chain-desk.ts'
import { ConstitutionDesk } from './constitution-desk.ts'
import { Coordinator, type PeerCalls } from './coordinator.ts'
import { coordinatorFiles } from './data-files.ts'
import { CoordinatorSeries } from './series.ts'
import { SignInLog } from './sign-in-log.ts'

export interface CoordinatorServerOptions {
  dataDir: string
  config: Config
  log: Log
  host: string
  /** 0 takes any free one. */
  port: number
  onEvent: (event: StampedEvent) => void
  requestStop: (reason: string) => void
  /** In place of the network: tests say what other nodes answer. */
  peers?: PeerCalls
}

export interface CoordinatorServer {
  coordinator: Coordinator
  auth: CoordinatorAuth
  changes: ChangeFeed
  app: FastifyInstance
  url: string
  /** Of the explorer, with a one-time token: it opens as its owner. */
  createBrowserUrl: () => string
  close(): Promise<void>
}

const explorerPaths = [
  '/',
  ...['nodes', 'models', 'query', 'play', 'jobs', 'designer', 'stake', 'my-node'].flatMap((name) => [
    `/${name}`,
    `/${name}/*`,
  ]),
]

/** Another coordinator over the same store may put another constitution in force. */
const refreshMs = 10_000

/** @throws {ERR_NODE_RUNNING} {ERR_PORT_IN_USE} {ERR_CONFIG} and what a node throws at its start */
export async function startCoordinator(options: CoordinatorServerOptions): Promise<CoordinatorServer> {
  const { dataDir, config, log, onEvent, requestStop } = options
  const own = await readCoordinatorConfig(coordinatorFiles.config(dataDir))
  const server = await startServer({ dataDir, config, log, onEvent, requestStop, leasesMax: registryLeasesMax })
  const closers: (() => Promise<unknown>)[] = [() => server.close('the coordinator stops')]
  const close = async () => {
    await rm(coordinatorFiles.endpoint(dataDir), { force: true })
    for (const end of closers.reverse())
      await end().catch((error: unknown) => log.warn('close-failed', { error: String(error) }))
  }
  try {
    const { store } = server.node.parts
    const audit = store.forTenant(auditTenant)
    const series = new CoordinatorSeries()
    const rules = await openConstitution({ documents: audit, ledger: audit, now: Date.now })
    closers.push(() => rules.close())
    const constitution = series.counted(rules)
    const refreshing = setInterval(() => void rules.refresh().catch(() => undefined), refreshMs)
    closers.push(async () => clearInterval(refreshing))
    const { http, auth, isLoopbackOnly, ownerAuth } = await openHttp(options, own, server, closers)
    const changes = new ChangeFeed()
    const coordinator = new Coordinator({
      node: server.node,
      controller: server.controller,
      log,
      config: own,
      constitution,
      quotas: auth.quotas,
      ...(options.peers === undefined ? {} : { peers: options.peers }),
      onJobEnd: (state, phases) => series.ended(state, phases),
      onChange: (change) => {
        if (change.type === 'network') changes.publish(change)
        else changes.publish({ type: 'job', jobId: change.jobId }, change.tenant)
      },
    })
    closers.push(() => coordinator.close())
    const about = aboutOf(own, server, isLoopbackOnly)
    await serve({ http, auth, coordinator, constitution, series, changes, server, about })
    closers.push(() => http.close())
    await coordinator.start()
    const { url } = await http.listen()
    await writeEndpoint(dataDir, url)
    await tellReady(server, dataDir)
    const createBrowserUrl = () => `${url}/#${ownerAuth.createOneTimeToken()}`
    return { coordinator, auth, changes, app: http.app, url, createBrowserUrl, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openHttp(
  { dataDir, host, port, log }: CoordinatorServerOptions,
  { auth: config }: CoordinatorConfig,
  { node }: NodeServer,
  closers: (() => Promise<unknown>)[],
): Promise<{ http: HttpServer; auth: CoordinatorAuth; isLoopbackOnly: boolean; ownerAuth: OwnerAuth }> {
  const ownerAuth = await openOwnerAuth({ tokenFile: dataFiles.ownerToken(dataDir) })
  const isLoopbackOnly = host === 'localhost' || (isIP(host) !== 0 && isLoopbackAddress(host))
  const signIns = new SignInLog({ ledger: node.parts.store.forTenant(SignInLog.tenant), log })
  closers.push(() => signIns.close())
  const auth = await openAuth({
    config,
    store: node.parts.store.forTenant(coordinatorTenant),
    ownerAuth,
    isLoopbackOnly,
    log,
    audit: (entry) => signIns.append(entry),
  })
  closers.push(() => auth.close())
  const { hostNames, publicUrls, allowedOrigins } = config
  const http = createHttpServer({ host, port, auth: ownerAuth, hostNames, publicUrls, allowedOrigins, isPublic: true })
  return { http, auth, isLoopbackOnly, ownerAuth }
}

interface Served {
  http: HttpServer
  auth: CoordinatorAuth
  coordinator: Coordinator
  constitution: Constitution
  series: CoordinatorSeries
  changes: ChangeFeed
  server: NodeServer
  about: ApiServices['about']
}

async function serve({ http, auth, coordinator, constitution, series, changes, server, about }: Served): Promise<void> {
  const { node, controller } = server
  const { registry } = coordinator
  const { economy } = node.parts
  const chain = new ChainDesk({
    open: economy.isOnChain ? economy.chain : undefined,
    payees: () => registry.payees(economy.domain),
    now: () => performance.now(),
  })
  const services: ApiServices = {
    jobs: coordinator.jobs,
    registry,
    chain,
    workflows: coordinator.workflows,
    keys: auth.keys,
    constitution: new ConstitutionDesk(constitution),
    node: controller,
    changes,
    tracer: node.tracer,
    identify: (request) => auth.identify(request),
    metrics: () => series.text(coordinator),
    about,
  }
  await registerApi(http.app, services)
  await pageRoutes(http.app, { file: 'index.html', paths: explorerPaths })
  authRoutes(http.app, auth, (tenant) => coordinator.usage(tenant))
  const face = new OpenAiFace({ jobs: coordinator.jobs, hub: coordinator.hub, node })
  const backendOf = async (request: FastifyRequest) => {
    const identity = await auth.identify(request, { isOpenAi: true })
    assertScope(identity, 'infer')
    return face.of(identity)
  }
  openAiGateway(http.app, backendOf, node.tracer)
}

/** Where its node's own page is means something on this machine only. */
function aboutOf({ auth }: CoordinatorConfig, { node, controller, apiUrl }: NodeServer, isLoopbackOnly: boolean) {
  const about = {
    version: controller.version,
    peerId: node.parts.network.peerId,
    startedAtMs: Date.now(),
    ...(isLoopbackOnly ? { nodeUrl: `${apiUrl}/my-node` } : {}),
    signIn: {
      wallets: auth.wallets !== undefined,
      apiKeys: auth.apiKeys,
      issuers: auth.issuers.map(({ issuer }) => issuer),
    },
  }
  return () => about
}

async function tellReady({ node, controller, apiUrl }: NodeServer, dataDir: string): Promise<void> {
  const { peerId, addresses, version } = await controller.status()
  node.tell({ event: 'ready', peerId, apiUrl, addresses, dataDir, pid: process.pid, version })
}

/** Where the commands find this coordinator: whole or not at all. */
async function writeEndpoint(dataDir: string, apiUrl: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = coordinatorFiles.endpoint(dataDir)
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, `${JSON.stringify({ apiUrl, pid: process.pid })}\n`, { mode: 0o600 })
  await rename(temporary, path)
}
