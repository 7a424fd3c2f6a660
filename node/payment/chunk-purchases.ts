/** Buys chunks: each link of a fetch is a purchase of its own; at the end of the fetch each is settled. */
import { randomBytes } from 'node:crypto'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { type StopReason, topicOf } from '#protocol/payment/index.ts'
import type { DataPlane } from '../chunks/types.ts'
import { chunkInputHash } from './chunk-sales.ts'
import { type BuyerDependencies, Purchase } from './purchase.ts'
import { chunkUnit } from './unit.ts'

export interface ChunkPurchases extends BuyerDependencies {
  dataPlane: Pick<DataPlane, 'on' | 'sendToSeller' | 'keepForReceipt' | 'finishPurchase' | 'closeLink'>
  /** It asks too much, or is on another chain: other sources are better. */
  onUnusable: (peerId: PeerId, reason: StopReason) => void
}

interface OpenPurchase {
  purchase: Purchase
  modelId: ModelId
  job: Uint8Array
  receivedBytes: number
  isSettling: boolean
}

export function buyChunks(deps: ChunkPurchases): () => void {
  const { dataPlane, onUnusable } = deps
  const purchases = new Map<number, OpenPurchase>()
  const begin = (linkId: number, modelId: ModelId, peerId: PeerId) => {
    const job = randomBytes(32)
    const session = {
      peerId,
      modelId,
      unit: chunkUnit,
      job,
      attempt: 0,
      send: (message: Uint8Array) => void dataPlane.sendToSeller(linkId, message).catch(() => undefined),
      received: () => open.receivedBytes,
      onStop: (reason: StopReason) => {
        if (open.isSettling) return
        onUnusable(peerId, reason)
        void dataPlane.closeLink(linkId).catch(() => undefined)
      },
    }
    const open: OpenPurchase = {
      purchase: new Purchase(session, deps),
      modelId,
      job,
      receivedBytes: 0,
      isSettling: false,
    }
    purchases.set(linkId, open)
    void dataPlane.keepForReceipt(linkId).catch(() => undefined)
    session.send(open.purchase.first)
  }
  const settle = async (linkId: number, open: OpenPurchase) => {
    if (open.isSettling) return
    open.isSettling = true
    try {
      const { receivedBytes, transcript } = await dataPlane.finishPurchase(linkId)
      open.receivedBytes = receivedBytes
      await open.purchase.finish({ input: chunkInputHash(topicOf(open.modelId), open.job), output: transcript })
      await dataPlane.closeLink(linkId)
    } catch {
      // The link has ended: what came is in the books, and is paid when the channel is used again.
    }
  }
  const stops = [
    dataPlane.on('purchase-open', ({ linkId, modelId, peerId }) => begin(linkId, modelId, peerId)),
    dataPlane.on('purchase-message', ({ linkId, body, receivedBytes }) => {
      const open = purchases.get(linkId)
      if (open === undefined) return
      open.receivedBytes = Math.max(open.receivedBytes, receivedBytes)
      try {
        open.purchase.receive(body)
      } catch {
        void dataPlane.closeLink(linkId).catch(() => undefined)
      }
    }),
    dataPlane.on('purchase-end', ({ linkId, receivedBytes, reason }) => {
      const open = purchases.get(linkId)
      if (open === undefined) return
      purchases.delete(linkId)
      open.receivedBytes = Math.max(open.receivedBytes, receivedBytes)
      void open.purchase.end(reason)
    }),
    dataPlane.on('fetch-complete', ({ modelId }) => {
      for (const [linkId, open] of purchases) if (open.modelId === modelId) void settle(linkId, open)
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
