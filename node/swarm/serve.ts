/** Serves a wire protocol as its descriptor says: frames of a bounded size, each peer within its quota, nobody for ever. */
import { PeerQuota } from '#protocol/codec/quota.ts'
import type { ProtocolDescriptor } from '#protocol/descriptor.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { streamsPerProtocolMax } from '#protocol/limits.ts'
import type { FrameStream, Network } from '../network/types.ts'

/** A stream over the quota is reset; so is one whose handler fails: the opener sees that no answer comes. */
export async function serveProtocol(
  network: Network,
  descriptor: ProtocolDescriptor,
  handler: (stream: FrameStream) => Promise<void>,
): Promise<void> {
  const quota = new PeerQuota(descriptor.quota, { now: () => performance.now() })
  let open = 0
  await network.handle(descriptor.id, { frameBytesMax: descriptor.frameBytesMax }, (stream) => {
    if (!quota.take(stream.peerId).isAllowed) return stream.abort('over the quota of this protocol')
    // Many peers within their quotas are still too many.
    if (open >= streamsPerProtocolMax) return stream.abort('too many streams of this protocol')
    open++
    handler(stream)
      .catch((error: unknown) => stream.abort(String(error)))
      .finally(() => open--)
  })
}

/** The same for protocols of one question and one answer. Both, and the end, must be there within the protocol's time. */
export function serveRequests(
  network: Network,
  descriptor: ProtocolDescriptor,
  answer: (request: Uint8Array, stream: FrameStream) => Promise<Uint8Array>,
): Promise<void> {
  return serveProtocol(network, descriptor, async (stream) => {
    const timer = setTimeout(() => stream.abort('out of time'), descriptor.timeoutMs)
    try {
      const frames = stream.frames()[Symbol.asyncIterator]()
      const request = await frames.next()
      if (!request.done) await stream.send(await answer(request.value, stream))
      await stream.close()
      // Read to the end: a stream whose bytes nobody asks for stays open, and takes one of its peer's places for ever.
      if (!request.done && !(await frames.next()).done) stream.abort('more than one question')
    } finally {
      clearTimeout(timer)
    }
  })
}

/** The opener's first frame; undefined when it ends without one. @throws {ERR_TIMEOUT} for one that never finishes it */
export async function firstFrame(
  frames: AsyncIterator<Uint8Array>,
  descriptor: ProtocolDescriptor,
): Promise<Uint8Array | undefined> {
  const { timeoutMs } = descriptor
  const late = Promise.withResolvers<never>()
  const error = new HartonomousError('ERR_TIMEOUT', { what: `the first frame of ${descriptor.id}`, timeoutMs })
  const timer = setTimeout(() => late.reject(error), timeoutMs)
  try {
    const first = await Promise.race([frames.next(), late.promise])
    return first.done ? undefined : first.value
  } finally {
    clearTimeout(timer)
  }
}
