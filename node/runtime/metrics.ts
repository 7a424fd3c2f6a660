/** Prometheus text. Names end in their unit; no peer id is a label, so the number of series is bounded. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { StatusView } from '#protocol/api/control.ts'
import type { HartonomousNode } from './node.ts'

const registries = new WeakMap<HartonomousNode, ReturnType<typeof createMetrics>>()

function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'hartonomous_' })
  const gauge = (name: string, help: string) => new Gauge({ name: `hartonomous_${name}`, help, registers: [registry] })
  return {
    registry,
    up: new Gauge({
      name: 'hartonomous_state',
      help: 'One for the state that the node is in',
      labelNames: ['state'],
      registers: [registry],
    }),
    uploaded: new Counter({
      name: 'hartonomous_uploaded_bytes_total',
      help: 'Bytes of chunks sent to peers',
      registers: [registry],
    }),
    peers: gauge('peers_connected', 'Connected peers'),
    leases: gauge('leases_live', 'Peers with a live lease'),
    held: gauge('held_bytes', 'Bytes of models held'),
    models: gauge('models', 'Models held in whole or in part'),
    pledge: gauge('pledge_bytes', 'Disk offered to the swarm'),
    pledgeUsed: gauge('pledge_used_bytes', 'Disk used of the pledge'),
    transfers: gauge('transfers', 'Models being fetched'),
    download: gauge('download_bytes_per_second', 'Rate of all fetches'),
    upload: gauge('upload_bytes_per_second', 'Rate of all uploads'),
    dhtKeys: gauge('dht_keys_announced', 'Keys announced in the DHT'),
    dhtTable: gauge('dht_routing_table_peers', 'Peers in the routing table'),
    engineBusy: gauge('inference_slots_busy', 'Inference requests running'),
    engineQueued: gauge('inference_queued', 'Inference requests waiting'),
    engineCrashes: gauge('inference_engine_crashes', 'Engine children that ended unexpectedly since the start'),
  }
}

export async function renderMetrics(node: HartonomousNode, status: StatusView): Promise<string> {
  let metrics = registries.get(node)
  if (metrics === undefined) {
    metrics = createMetrics()
    registries.set(node, metrics)
  }
  metrics.up.reset()
  metrics.up.set({ state: status.state }, 1)
  metrics.uploaded.reset()
  metrics.uploaded.inc(status.upload.totalBytes)
  metrics.peers.set(status.peersConnected)
  metrics.leases.set(status.leasesLive)
  metrics.held.set(status.heldBytes)
  metrics.models.set(status.models)
  metrics.pledge.set(status.pledge.diskBytes)
  metrics.pledgeUsed.set(status.pledge.usedBytes)
  metrics.transfers.set(status.transfers.length)
  metrics.download.set(status.transfers.reduce((sum, transfer) => sum + transfer.bytesPerSecond, 0))
  metrics.upload.set(status.upload.bytesPerSecond)
  metrics.dhtKeys.set(status.dht.keysAnnounced)
  metrics.dhtTable.set(status.dht.routingTableSize)
  metrics.engineBusy.set(status.engine?.slotsBusy ?? 0)
  metrics.engineQueued.set(status.engine?.queued ?? 0)
  metrics.engineCrashes.set(status.engine?.crashes ?? 0)
  return `${await metrics.registry.metrics()}${await node.answers.series.registry.metrics()}`
}
