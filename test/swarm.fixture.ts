/** Real nodes in processes of their own, for end-to-end tests: started in a temporary folder, stopped and removed after. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DevnetNode } from '#node/cli/devnet/child.ts'
import type { StampedEvent } from '#protocol/api/control.ts'

export const bundledModel = fileURLToPath(new URL('../models/hartling/hartling-f16.gguf', import.meta.url))
export const smallModel = fileURLToPath(new URL('../models/hartling/hartling-q8_0.gguf', import.meta.url))

export class TestSwarm {
  readonly folder: string
  readonly #nodes: DevnetNode[] = []
  readonly #events = new Map<DevnetNode, StampedEvent[]>()

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(): Promise<TestSwarm> {
    return new TestSwarm(await mkdtemp(join(tmpdir(), 'hart-e2e-')))
  }

  /** Starts `up` in the folder of that index; the same index again is the same node after a restart. */
  spawn(index: number, ...args: string[]): DevnetNode {
    const node = new DevnetNode(index, join(this.folder, `node-${index}`), [
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
      '--api-port',
      '0',
      '--no-mdns',
      ...args,
    ])
    const events: StampedEvent[] = []
    node.subscribe((event) => events.push(event))
    this.#nodes.push(node)
    this.#events.set(node, events)
    return node
  }

  async start(index: number, ...args: string[]): Promise<DevnetNode> {
    const node = this.spawn(index, ...args)
    await node.start(AbortSignal.timeout(60_000))
    return node
  }

  /** What the node has said so far. */
  eventsOf(node: DevnetNode): readonly StampedEvent[] {
    return this.#events.get(node) ?? []
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
    await rm(this.folder, { recursive: true, force: true })
  }
}

export function bootstrap(node: DevnetNode): string[] {
  return node.ready!.addresses.flatMap((address) => ['--bootstrap', address])
}

export async function until<T>(
  what: string,
  read: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  const endAtMs = Date.now() + timeoutMs
  for (;;) {
    const value = await read()
    if (value !== undefined && value !== false) return value
    if (Date.now() > endAtMs) throw new Error(`timed out after ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
