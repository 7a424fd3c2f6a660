/** A coordinator with its faces: the node's own API on one port, that of the coordinator on another. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { type Config, dataFiles } from '#node/config/index.ts'
import { createHttpServer, openOwnerAuth } from '#node/gateway/index.ts'
import type { Log } from '#node/log/index.ts'
import { startServer } from '#node/runtime/index.ts'
import type { StampedEvent } from '#protocol/api/control.ts'
import { Coordinator } from './coordinator.ts'
import { coordinatorFiles } from './data-files.ts'

export interface CoordinatorServerOptions {
  dataDir: string
  config: Config
  log: Log
  host: string
  /** 0 takes any free one. */
  port: number
  onEvent: (event: StampedEvent) => void
  requestStop: (reason: string) => void
}

export interface CoordinatorServer {
  coordinator: Coordinator
  url: string
  close(): Promise<void>
}

/** @throws {ERR_NODE_RUNNING} {ERR_PORT_IN_USE} {ERR_CONFIG} and what a node throws at its start */
export async function startCoordinator(options: CoordinatorServerOptions): Promise<CoordinatorServer> {
  const { dataDir, config, log, host, port, onEvent, requestStop } = options
  const server = await startServer({ dataDir, config, log, onEvent, requestStop })
  const { node, controller } = server
  const coordinator = new Coordinator({ node, controller, log, jobPriceMax: '10' })
  const auth = await openOwnerAuth({ tokenFile: dataFiles.ownerToken(dataDir) })
  const http = createHttpServer({ host, port, auth })
  const close = async () => {
    await rm(coordinatorFiles.endpoint(dataDir), { force: true })
    await http.close()
    await coordinator.close()
    await server.close('the coordinator stops')
  }
  try {
    await coordinator.start()
    const { url } = await http.listen()
    await writeEndpoint(dataDir, url)
    await tellReady(server, dataDir)
    return { coordinator, url, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function tellReady({ node, controller, apiUrl }: Awaited<ReturnType<typeof startServer>>, dataDir: string) {
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
