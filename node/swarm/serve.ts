/** Serves a wire protocol as its descriptor says: frames of a bounded size, each peer within its quota. */
import { PeerQuota } from '#protocol/codec/quota.ts'
import type { ProtocolDescriptor } from '#protocol/descriptor.ts'
import type { FrameStream, Network } from '../network/types.ts'

/** A stream over the quota is reset; so is one whose handler fails: the opener sees that no answer comes. */
export async function serveProtocol(
  network: Network,
  descriptor: ProtocolDescriptor,
  handler: (stream: FrameStream) => Promise<void>,
): Promise<void> {
  const quota = new PeerQuota(descriptor.quota, { now: () => performance.now() })
  await network.handle(descriptor.id, { frameBytesMax: descriptor.frameBytesMax }, (stream) => {
    if (quota.take(stream.peerId).isAllowed) handler(stream).catch((error: unknown) => stream.abort(String(error)))
    else stream.abort('over the quota of this protocol')
  })
}

/** The same for protocols of one question and one answer. */
export function serveRequests(
  network: Network,
  descriptor: ProtocolDescriptor,
  answer: (request: Uint8Array, stream: FrameStream) => Promise<Uint8Array>,
): Promise<void> {
  return serveProtocol(network, descriptor, async (stream) => {
    for await (const request of stream.frames()) {
      await stream.send(await answer(request, stream))
      break
    }
    await stream.close()
  })
}
