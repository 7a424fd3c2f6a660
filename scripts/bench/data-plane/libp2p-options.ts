/** libp2p at its best for bulk: the largest windows that yamux grows to, no monitor in the way. */
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { KiB, MiB } from '#protocol/units.ts'

export function libp2pOptions() {
  const streamOptions = {
    initialStreamWindowSize: 256 * KiB,
    maxStreamWindowSize: 16 * MiB,
    maxReadBufferLength: 32 * MiB,
  }
  return {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions })],
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  }
}
