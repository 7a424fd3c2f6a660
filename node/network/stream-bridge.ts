/** Connects a libp2p stream with a byte channel, so that whoever holds the other port reads and writes the stream. */
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Stream } from '@libp2p/interface'
import { streamBufferBytesMax } from '#protocol/limits.ts'
import { type ByteChannel, byteChannel } from '#protocol/port/byte-channel.ts'
import { KiB } from '#protocol/units.ts'

/** A yamux frame is delivered only when it is complete: large ones would delay every other stream. */
const pieceBytes = 64 * KiB

/** Returns the port for the other thread. `onOver` is called once, when the stream has come to its end. */
export function bridgeStream(stream: Stream, peerId: string, onOver: () => void): MessagePort {
  const { port1, port2 } = new MessageChannel()
  const channel = byteChannel(port1, peerId)
  forwardReceived(stream, channel)
  void forwardSent(stream, channel)
  void channel.closed.then(({ reason }) => {
    if (reason !== undefined) stream.abort(new Error(reason))
    onOver()
  })
  return port2
}

function forwardReceived(stream: Stream, channel: ByteChannel): void {
  let onTheWayBytes = 0
  // The other side may have ended before anybody listened: a request and its end often arrive together.
  let remoteEnded = stream.remoteWriteStatus === 'closed' && stream.status !== 'reset' && stream.status !== 'aborted'
  let resuming = false
  const pauseIfFull = () => {
    if (onTheWayBytes >= streamBufferBytesMax && stream.readStatus === 'readable') stream.pause()
  }
  const taken = (sizeBytes: number) => {
    onTheWayBytes -= sizeBytes
    if (onTheWayBytes >= streamBufferBytesMax || stream.readStatus !== 'paused') return
    // resume() hands out what was buffered and then tells the muxer to go on, even if we paused meanwhile.
    resuming = true
    stream.resume()
    resuming = false
    pauseIfFull()
  }
  stream.addEventListener('message', ({ data }) => {
    const bytes = data.slice()
    // Read before the buffer moves away: afterwards it is 0.
    const sizeBytes = bytes.byteLength
    onTheWayBytes += sizeBytes
    if (!resuming) pauseIfFull()
    channel.send(bytes, { move: true }).then(
      () => taken(sizeBytes),
      () => {},
    )
  })
  stream.addEventListener('remoteCloseWrite', () => {
    remoteEnded = true
    if (stream.readableEnded) channel.end().catch(() => {})
  })
  stream.addEventListener('end', () => {
    if (remoteEnded) channel.end().catch(() => {})
  })
  stream.addEventListener('close', (event) => {
    if (event.error !== undefined) channel.abort(event.error.message)
    else if (!remoteEnded) channel.abort('the connection was closed')
  })
  if (stream.status === 'reset' || stream.status === 'aborted') channel.abort('the stream was reset')
  else if (remoteEnded && stream.readableEnded) channel.end().catch(() => {})
}

async function forwardSent(stream: Stream, channel: ByteChannel): Promise<void> {
  try {
    for await (const bytes of channel.chunks()) {
      for (let offset = 0; offset < bytes.byteLength; offset += pieceBytes) {
        stream.send(bytes.subarray(offset, offset + pieceBytes))
        while (stream.writableNeedsDrain && stream.status === 'open') await nextDrain(stream)
      }
    }
    await stream.close()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    channel.abort(reason)
    stream.abort(error instanceof Error ? error : new Error(reason))
  }
}

/** `stream.onDrain()` of @libp2p/utils 7 keeps its first promise for ever: from the second time on it does not wait. */
function nextDrain(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.removeEventListener('drain', done)
      stream.removeEventListener('close', done)
      resolve()
    }
    stream.addEventListener('drain', done)
    stream.addEventListener('close', done)
  })
}
