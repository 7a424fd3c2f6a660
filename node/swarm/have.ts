/** The have protocol: tells subscribers which chunks we hold as that changes, and follows what others hold. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { PeerQuota } from '#protocol/codec/quota.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { decodeHaveFrame, encodeHaveFrame, haveProtocol } from '#protocol/have/index.ts'
import type { HaveFrame } from '#protocol/have/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { controlRequestTimeoutMs } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'
import type { FrameStream, Network } from '../network/types.ts'
import { firstFrame, serveProtocol } from './serve.ts'
import type { Shard } from './shard.ts'

/** Gains are collected this long: a fetch at 100 MB/s gains 10 chunks in it, one frame instead of ten. */
const deltaIntervalMs = 100
/** Indexes in one delta frame: 8,192 x up to 5 bytes of CBOR stay far below `controlFrameBytesMax`. */
const deltaIndexesMax = 8192
/**
 * Frames that a holder may send: ours sends at most two kinds each 100 ms, and full deltas in parts. Each one costs us a copy
 * of the bitfield and a message to the data worker, so more is an attack.
 */
const followedFrames = { requests: 1200, windowMs: 30 * second }

export interface HaveListener {
  /** A peer wants a model: it is, or will be, a source of it too. */
  onInterest: (peerId: PeerId, modelId: ModelId) => void
  /** It is not here. */
  onAbsent: () => void
}

/** Answers subscriptions. */
export async function serveHave(network: Network, shard: Shard, listener: HaveListener): Promise<void> {
  await serveProtocol(network, haveProtocol, (stream) => answer(stream, shard, listener))
}

async function answer(stream: FrameStream, shard: Shard, { onInterest, onAbsent }: HaveListener): Promise<void> {
  const incoming = stream.frames()[Symbol.asyncIterator]()
  const first = await firstFrame(incoming, haveProtocol)
  if (first === undefined) return stream.close()
  const frame = decodeHaveFrame(first)
  if (frame.type !== 'subscribe') {
    throw new HartonomousError('ERR_PEER_PROTOCOL', {
      peer: stream.peerId,
      reason: `have stream opened with ${frame.type}`,
    })
  }
  const { modelId } = frame
  const model = shard.get(modelId)
  if (model === undefined) {
    onAbsent()
    await stream.send(encodeHaveFrame({ type: 'absent' }))
    return stream.close()
  }
  onInterest(stream.peerId, modelId)
  const pending = { gained: new Set<number>(), lost: new Set<number>(), removed: false }
  let wake = Promise.withResolvers<void>()
  const onGained = (id: ModelId, indexes: number[]) => {
    if (id !== modelId) return
    for (const index of indexes) pending.gained.add(index)
    wake.resolve()
  }
  const onLost = (id: ModelId, indexes: number[]) => {
    if (id !== modelId) return
    for (const index of indexes) {
      pending.gained.delete(index)
      pending.lost.add(index)
    }
    wake.resolve()
  }
  const onRemoved = (id: ModelId) => {
    if (id !== modelId) return
    pending.removed = true
    wake.resolve()
  }
  shard.on('gained', onGained).on('lost', onLost).on('removed', onRemoved)
  let isOpen = true
  // The subscriber sends nothing more: when its side ends, so does the subscription.
  void incoming
    .next()
    .catch(() => undefined)
    .then(() => {
      isOpen = false
      wake.resolve()
    })
  try {
    await sendFrame(stream, { type: 'bitfield', chunkCount: model.places.length, bits: model.held.bytes.slice() })
    while (isOpen && !pending.removed) {
      await wake.promise
      await sleep(deltaIntervalMs)
      wake = Promise.withResolvers()
      await sendDeltas(stream, pending)
    }
    if (pending.removed && isOpen) await stream.send(encodeHaveFrame({ type: 'absent' }))
    await stream.close()
  } finally {
    shard.off('gained', onGained).off('lost', onLost).off('removed', onRemoved)
  }
}

/** A subscriber that takes nothing for this long is dropped: its stream holds a place and a listener. */
const takeTimeoutMs = minute

/** @throws {ERR_PEER_UNREACHABLE} */
async function sendFrame(stream: FrameStream, frame: HaveFrame): Promise<void> {
  const timer = setTimeout(() => stream.abort('it takes nothing'), takeTimeoutMs)
  try {
    await stream.send(encodeHaveFrame(frame))
  } finally {
    clearTimeout(timer)
  }
}

async function sendDeltas(stream: FrameStream, pending: { gained: Set<number>; lost: Set<number> }): Promise<void> {
  for (const type of ['lost', 'gained'] as const) {
    const chunkIndexes = [...pending[type]].sort((a, b) => a - b)
    pending[type].clear()
    for (let at = 0; at < chunkIndexes.length; at += deltaIndexesMax) {
      await sendFrame(stream, { type, chunkIndexes: chunkIndexes.slice(at, at + deltaIndexesMax) })
    }
  }
}

/**
 * Follows a peer's holdings: yields its bitfield at first and after each change, until the peer says that it has none, the
 * stream ends, or `signal` aborts. Each value is a copy.
 * @throws {ERR_PEER_UNREACHABLE} {ERR_PEER_PROTOCOL} {ERR_DECODE}
 */
export async function* followHave(
  network: Network,
  peerId: PeerId,
  modelId: ModelId,
  chunkCount: number,
  signal: AbortSignal,
): AsyncGenerator<Bitfield> {
  const opening = AbortSignal.any([signal, AbortSignal.timeout(controlRequestTimeoutMs)])
  const stream = await network.openStream(peerId, haveProtocol.id, {
    frameBytesMax: haveProtocol.frameBytesMax,
    signal: opening,
  })
  const onAbort = () => stream.abort('no longer wanted')
  signal.addEventListener('abort', onAbort, { once: true })
  const quota = new PeerQuota(followedFrames, { now: () => performance.now() })
  let field: Bitfield | undefined
  try {
    await stream.send(encodeHaveFrame({ type: 'subscribe', modelId }))
    for await (const bytes of stream.frames()) {
      if (!quota.take(peerId).isAllowed) throw protocolError(peerId, 'a flood of changes')
      const frame = decodeHaveFrame(bytes)
      if (frame.type === 'absent') return
      if (frame.type === 'bitfield') {
        if (frame.chunkCount !== chunkCount)
          throw protocolError(peerId, `${frame.chunkCount} chunks instead of ${chunkCount}`)
        field = Bitfield.fromBytes(frame.bits.slice(), chunkCount)
      } else if (frame.type === 'subscribe' || field === undefined) {
        throw protocolError(peerId, `unexpected ${frame.type}`)
      } else {
        for (const index of frame.chunkIndexes) {
          if (index >= chunkCount) throw protocolError(peerId, `chunk ${index} of ${chunkCount}`)
          if (frame.type === 'gained') field.set(index)
          else field.clear(index)
        }
      }
      yield field.clone()
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    stream.abort('done')
  }
}

function protocolError(peerId: PeerId, reason: string): HartonomousError {
  return new HartonomousError('ERR_PEER_PROTOCOL', { peer: peerId, reason: `have: ${reason}` })
}
