/** Real networks on loopback for the tests of this folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Network, startNetwork } from '../network/index.ts'

export class TestNetworks {
  readonly #networks: Network[] = []
  #folder: string | undefined

  /** Connected to the first one. */
  async start(): Promise<Network> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'hart-swarm-'))
    const network = await startNetwork({
      dataDir: join(this.#folder, String(this.#networks.length)),
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
    })
    const [first] = this.#networks
    this.#networks.push(network)
    if (first !== undefined) await network.dial((await first.addresses())[0]!)
    return network
  }

  async close(): Promise<void> {
    await Promise.all(this.#networks.splice(0).map((network) => network.close()))
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
  }
}
