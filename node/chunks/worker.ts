/** The data worker: the data plane behind its message port. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadBlake3 } from '#protocol/codec/blake3.ts'
import { messagePort } from '#protocol/port/adapters.ts'
import { servePort } from '#protocol/port/index.ts'
import { DataPlaneCore } from './data-plane-core.ts'
import { type DataPlaneEventTable, dataPlaneMethods } from './port-methods.ts'
import type { DataPlaneConfig } from './types.ts'

if (parentPort !== null) await serveDataPlane(messagePort(parentPort), workerData as DataPlaneConfig)

async function serveDataPlane(port: ReturnType<typeof messagePort>, config: DataPlaneConfig): Promise<void> {
  await loadBlake3()
  const started = DataPlaneCore.start({ config, emit: (event, payload) => server.emit(event, payload) })
  const methods = dataPlaneMethods(started, (event, payload) => server.emit(event, payload))
  const server = servePort<typeof methods, DataPlaneEventTable>(port, methods)
  // The caller hears of a failed start as the answer to its first call.
  await started.catch(() => {})
}
