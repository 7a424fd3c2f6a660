/** Whole nodes in this process, for tests: real network, data and store workers, but no process to start for each. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ModelView, NodeEvent, PullRequest, StampedEvent } from '#protocol/api/control.ts'
import { type Config, readConfigFile, resolveConfig } from '../config/index.ts'
import { createLog } from '../log/index.ts'
import { type NodeServer, startServer } from './server.ts'

export const bundledModel = fileURLToPath(new URL('../../models/hartling/hartling-f16.gguf', import.meta.url))
export const smallModel = fileURLToPath(new URL('../../models/hartling/hartling-q8_0.gguf', import.meta.url))

export interface TestNode extends NodeServer {
  name: string
  dataDir: string
  /** All that it said since its start. */
  said: StampedEvent[]
  isStopped: boolean
}

export class TestNodes {
  readonly folder: string
  readonly #nodes: TestNode[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(): Promise<TestNodes> {
    return new TestNodes(await mkdtemp(join(tmpdir(), 'hart-nodes-')))
  }

  /** The same name is the same node after a restart. `peers` are those that it is told of. */
  async start(name: string, peers: readonly TestNode[] = [], config: Partial<Config> = {}): Promise<TestNode> {
    const dataDir = join(this.folder, name)
    const said: StampedEvent[] = []
    const bootstrap = await Promise.all(peers.map(({ node }) => node.parts.network.addresses()))
    const flags = {
      'api.port': 0,
      'network.listen': ['/ip4/127.0.0.1/tcp/0'],
      'network.mdns': false,
      'network.bootstrap': bootstrap.flat(),
      'inference.enabled': false,
      ...config,
    }
    const file = join(dataDir, 'config.json')
    const resolved = resolveConfig(flags, {}, await readConfigFile(file))
    const server = await startServer({
      dataDir,
      config: resolved.config,
      settingsSource: { file, origins: resolved.origins },
      log: createLog({ level: 'error', format: 'pretty', write: () => undefined }),
      onEvent: (event) => said.push(event),
      requestStop: () => undefined,
    })
    const node: TestNode = { ...server, name, dataDir, said, isStopped: false }
    this.#nodes.push(node)
    return node
  }

  async stop(node: TestNode): Promise<void> {
    if (node.isStopped) return
    node.isStopped = true
    await node.close('the test is over')
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => this.stop(node)))
    await rm(this.folder, { recursive: true, force: true })
  }
}

export async function ingest(node: TestNode, path: string, name?: string): Promise<string> {
  const request = { path, ...(name === undefined ? {} : { name }), licence: 'MIT' }
  return (await node.controller.ingest(request, () => undefined, AbortSignal.timeout(60_000))).modelId
}

export function pull(
  node: TestNode,
  request: PullRequest,
  signal: AbortSignal = AbortSignal.timeout(60_000),
  emit: (event: NodeEvent) => void = () => undefined,
): Promise<{ modelId: string; name: string }> {
  return node.controller.pull(request, emit, signal)
}

export async function modelOf(node: TestNode, reference: string): Promise<ModelView | undefined> {
  return (await node.controller.models()).find(({ modelId, name }) => modelId === reference || name === reference)
}

/** Keys of the components that are here whole. */
export async function heldComponents(node: TestNode, reference: string): Promise<string[]> {
  const components = await node.controller.components(reference, {})
  return components.filter((one) => one.sizeBytes > 0 && one.heldBytes === one.sizeBytes).map((one) => one.key)
}

export async function until<T>(
  what: string,
  read: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const endAtMs = Date.now() + timeoutMs
  for (;;) {
    const value = await read()
    if (value !== undefined && value !== false) return value
    if (Date.now() > endAtMs) throw new Error(`timed out after ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
