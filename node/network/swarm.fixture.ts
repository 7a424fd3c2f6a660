/** Real networks on loopback for the tests of this folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Block } from '#protocol/model/content.ts'
import { type Network, type NetworkConfig, startNetwork } from './index.ts'

export class Swarm {
  readonly #networks: Network[] = []
  readonly #workers = new Map<Network, Worker>()
  #folder: string | undefined

  /** `name` is the data folder within this swarm: the same name is the same node again. */
  async start(name: string, config: Partial<NetworkConfig> = {}): Promise<Network> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'hart-network-'))
    const workers: Worker[] = []
    const note = (worker: Worker) => workers.push(worker)
    process.on('worker', note)
    const starting = startNetwork({
      dataDir: join(this.#folder, name),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [],
      staticPeers: [],
      mdns: false,
      gossip: false,
      natTraversal: false,
      webrtc: false,
      stunServers: [],
      allowPrivateAddresses: true,
      swarm: '',
      ...config,
    })
    const network = await starting
    process.off('worker', note)
    this.#networks.push(network)
    // Which worker is whose is known only where one was started alone.
    if (workers.length === 1 && workers[0]) this.#workers.set(network, workers[0])
    return network
  }

  dataDir(name: string): string {
    return join(this.#folder ?? '', name)
  }

  /** As a crash would: nothing is closed, nobody is told. */
  async crash(network: Network): Promise<void> {
    const worker = this.#workers.get(network)
    if (!worker) throw new Error('only a network that was started alone can be crashed')
    await worker.terminate()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#networks.map((network) => network.close()))
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true })
  }
}

export async function addressOf(network: Network): Promise<string> {
  const [address] = await network.addresses()
  if (address === undefined) throw new Error('the network does not listen')
  return address
}

const dagCborCode = 0x71

export async function blockOf(bytes: Uint8Array): Promise<Block> {
  return { cid: CID.createV1(dagCborCode, await sha256.digest(bytes)).toString(), bytes }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
