/** A coordinator in this process, beside the nodes of a test: it knows one of them, and answers nothing itself. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CoordinatorServer, startCoordinator } from '#coordinator/runtime/server.ts'
import { type Config, dataFiles, resolveConfig } from '#node/config/index.ts'
import { createLog } from '#node/log/index.ts'
import { type TestNode, type TestNodes, until } from '#node/runtime/node.fixture.ts'

export interface TestCoordinator extends CoordinatorServer {
  ownerToken: string
}

/** Resolves when it can send prompts to that node. */
export async function startCoordinatorOver(
  nodes: TestNodes,
  node: TestNode,
  more: Partial<Config> = {},
): Promise<TestCoordinator> {
  const dataDir = join(nodes.folder, 'coordinator')
  const settings = {
    'api.port': 0,
    'network.listen': ['/ip4/127.0.0.1/tcp/0'],
    'network.mdns': false,
    'network.bootstrap': await node.node.parts.network.addresses(),
    'inference.enabled': false,
    ...more,
  }
  const server = await startCoordinator({
    dataDir,
    config: resolveConfig(settings, {}, {}).config,
    log: createLog({ level: 'silent', format: 'json' }),
    host: '127.0.0.1',
    port: 0,
    onEvent: () => undefined,
    requestStop: () => undefined,
  })
  const { answers } = server.coordinator.node
  await until('the coordinator knows the node', async () => (await answers.models()).length > 0)
  return { ...server, ownerToken: (await readFile(dataFiles.ownerToken(dataDir), 'utf8')).trim() }
}
