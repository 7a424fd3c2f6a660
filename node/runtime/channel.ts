/** The libp2p fallback for bulk: chunk streams go from the network worker straight to the data worker. */
import { chunkProtocol } from '#protocol/chunk/index.ts'
import type { PeerId } from '#protocol/ids.ts'
import type { DataPlane } from '../chunks/types.ts'
import type { Network } from '../network/types.ts'

/** Nothing new is served while `isServing` says no: paused, or draining. */
export async function serveChannels(
  network: Network,
  dataPlane: DataPlane,
  isServing: () => boolean,
  onRefused: () => void,
): Promise<void> {
  await network.handleRaw(chunkProtocol.id, (peerId, port) => {
    if (!isServing()) {
      onRefused()
      return port.close()
    }
    dataPlane.attachChannel(peerId, 'serve', port).catch(() => port.close())
  })
}

export async function openChannel(
  network: Network,
  dataPlane: DataPlane,
  peerId: PeerId,
  signal: AbortSignal,
): Promise<void> {
  const port = await network.openRawStream(peerId, chunkProtocol.id, { signal })
  await dataPlane.attachChannel(peerId, 'fetch', port)
}
