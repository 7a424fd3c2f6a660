/** Entry of the network worker: libp2p and Helia, away from the main thread. */
import { parentPort } from 'node:worker_threads'
import { HartonomousError } from '#protocol/errors.ts'
import { messagePort } from '#protocol/port/adapters.ts'
import { type PortServer, servePort, transfer } from '#protocol/port/index.ts'
import { ControlNode } from './control-node.ts'
import type { WorkerEvents, WorkerMethods } from './worker-api.ts'

let control: ControlNode | undefined

function running(): ControlNode {
  if (control) return control
  throw new HartonomousError('ERR_WORKER_GONE', { worker: 'network', reason: 'not started' })
}

const methods: WorkerMethods = {
  start: async (config) => {
    control = await ControlNode.start(config, (name, payload, list) => server.emit(name, payload, list))
    return { peerId: control.peerId }
  },
  addresses: () => running().addresses(),
  sign: (bytes) => running().sign(bytes),
  announce: (keys) => running().announce(keys),
  announceStatus: () => running().announceStatus(),
  findProviders: (input, { signal }) => running().findProviders(input, signal),
  putBlocks: (blocks) => running().blocks.put(blocks),
  getBlock: (cid, { signal }) => running().blocks.get(cid, signal),
  handle: (protocol) => running().handle(protocol),
  openStream: async ({ peerId, protocol }, { signal }) => {
    const port = await running().openStream(peerId, protocol, signal)
    return transfer({ peerId, port }, [port])
  },
  publish: ({ topic, bytes }) => running().gossip.publish(topic, bytes),
  subscribe: ({ topic, bytesMax }) => running().gossip.subscribe(topic, bytesMax),
  gossipTaken: (count) => running().gossip.taken(count),
  dial: (address, { signal }) => running().dial(address, signal),
  connect: (peerId, { signal }) => running().connect(peerId, signal),
  peers: async () => running().peers(),
  dialReport: (peerId) => running().dialReport(peerId),
  dhtMode: () => running().dhtMode(),
  close: async () => {
    await control?.stop()
  },
}

if (!parentPort) throw new Error('this file is a worker')
const server: PortServer<WorkerEvents> = servePort<WorkerMethods, WorkerEvents>(messagePort(parentPort), methods)

// Libraries leave promises unhandled when a peer misbehaves in ways they did not think of: that must not end the node.
process.on('unhandledRejection', (error) => {
  server.emit('warning', { reason: error instanceof Error ? (error.stack ?? error.message) : String(error) })
})
