/** A node with its HTTP face: OpenAI gateway, control API, health, all on one loopback port. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import type { StampedEvent } from '#protocol/api/control.ts'
import { type Config, dataFiles } from '../config/index.ts'
import { controlRoutes, healthRoutes } from '../control/index.ts'
import { createHttpServer, openAiGateway, openOwnerAuth, ownerOnly, pageRoutes } from '../gateway/index.ts'
import type { Log } from '../log/index.ts'
import { NodeController } from './controlled.ts'
import { HartonomousNode } from './node.ts'
import type { SettingsSource } from './node-settings.ts'

export interface ServerOptions {
  dataDir: string
  config: Config
  /** @see NodeOptions.settingsSource */
  settingsSource?: SettingsSource
  log: Log
  /** Hears everything from the first moment on: models that are opened at the start too. */
  onEvent: (event: StampedEvent) => void
  /** Called when the owner asks for a stop over the API. */
  requestStop: (reason: string) => void
  /** @see NodeOptions.leasesMax */
  leasesMax?: number
}

export interface NodeServer {
  node: HartonomousNode
  controller: NodeController
  apiUrl: string
  /** With a one-time token: opens the node's page for its owner. */
  browserUrl: string
  close(reason: string): Promise<void>
}

/** @throws {ERR_NODE_RUNNING} {ERR_PORT_IN_USE} and what a node throws at its start. */
export async function startServer(options: ServerOptions): Promise<NodeServer> {
  const { dataDir, config, log } = options
  const node = await HartonomousNode.start({
    dataDir,
    config,
    ...(options.settingsSource === undefined ? {} : { settingsSource: options.settingsSource }),
    log,
    onEvent: options.onEvent,
    ...(options.leasesMax === undefined ? {} : { leasesMax: options.leasesMax }),
  })
  try {
    const files = { tokenFile: dataFiles.ownerToken(dataDir), sessionsFile: dataFiles.ownerSessions(dataDir) }
    const auth = await openOwnerAuth(files)
    const http = createHttpServer({ host: config['api.host'], port: config['api.port'], auth })
    const controller = new NodeController(node, options.requestStop)
    healthRoutes(http.app, controller)
    await pageRoutes(http.app, { file: 'my-node.html', paths: ['/my-node'] })
    http.app.get('/', async (_request, reply) => reply.redirect('/my-node'))
    openAiGateway(http.app, () => node.answers, node.tracer)
    await http.app.register(async (scope) => {
      scope.addHook('onRequest', ownerOnly(auth))
      controlRoutes(scope, controller)
    })
    const { url } = await http.listen()
    controller.apiUrl = url
    await writeEndpoint(dataDir, url)
    const close = async (reason: string) => {
      await rm(dataFiles.endpoint(dataDir), { force: true })
      await http.close()
      await node.close(reason)
    }
    return { node, controller, apiUrl: url, browserUrl: `${url}/my-node#${auth.createOneTimeToken()}`, close }
  } catch (error) {
    await node.close('its API could not start')
    throw error
  }
}

/** Where the commands find this node: whole or not at all. */
async function writeEndpoint(dataDir: string, apiUrl: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = dataFiles.endpoint(dataDir)
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, `${JSON.stringify({ apiUrl, pid: process.pid })}\n`, { mode: 0o600 })
  await rename(temporary, path)
}
