/** A `FrameStream` over the byte channel that the network worker made of a libp2p stream. Runs in the main thread. */
import type { MessagePort } from 'node:worker_threads'
import { HartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { byteChannel } from '#protocol/port/byte-channel.ts'
import { encodeFrame, FrameDecoder } from './frame-codec.ts'
import type { FrameStream } from './types.ts'

export function frameStream(
  port: MessagePort,
  options: { peerId: PeerId; protocol: string; frameBytesMax: number },
): FrameStream {
  const { peerId, protocol, frameBytesMax } = options
  const channel = byteChannel(port, peerId)
  return {
    peerId,
    protocol,
    async send(frame) {
      if (frame.byteLength > frameBytesMax) {
        throw new HartonomousError('ERR_LIMIT', {
          what: `frame of ${protocol}`,
          limit: frameBytesMax,
          actual: frame.byteLength,
        })
      }
      await channel.send(encodeFrame(frame), { move: true })
    },
    async *frames() {
      const decoder = new FrameDecoder(frameBytesMax, protocol)
      try {
        for await (const bytes of channel.chunks()) yield* decoder.push(bytes)
      } catch (error) {
        channel.abort(error instanceof Error ? error.message : String(error))
        throw error
      }
      if (decoder.atBoundary) return
      const reason = `the ${protocol} stream ended inside a frame`
      channel.abort(reason)
      throw new HartonomousError('ERR_PEER_PROTOCOL', { peer: peerId, reason })
    },
    close: () => channel.end(),
    abort: (reason) => channel.abort(reason),
  }
}
