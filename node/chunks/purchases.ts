/** The links of all fetches as purchases: messages of payment to and from the sellers at their other ends. */
import type { ServedSnapshot } from '#protocol/chunk/index.ts'
import { PeerQuota } from '#protocol/codec/quota.ts'
import { paymentQuota } from '#protocol/descriptor.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import type { FrameLink } from './frame-link.ts'
import type { DataPlaneEvents, ReceivedFigures } from './types.ts'

export interface PurchasesContext {
  now: () => number
  emit: <K extends keyof DataPlaneEvents>(event: K, payload: DataPlaneEvents[K]) => void
  /** The fetch of this model is to take nothing more from this link. */
  release: (modelId: ModelId, peerId: PeerId, link: FrameLink) => void
}

interface Purchase {
  modelId: ModelId
  peerId: PeerId
  link: FrameLink
}

export class Purchases {
  readonly #context: PurchasesContext
  /** Those in use, and those that wait for a receipt. */
  readonly #open = new Map<number, Purchase>()
  readonly #quota: PeerQuota
  #nextId = 1

  constructor(context: PurchasesContext) {
    this.#context = context
    this.#quota = new PeerQuota(paymentQuota, { now: context.now })
  }

  /** Before the link is started, so that nothing is missed. */
  open(modelId: ModelId, peerId: PeerId, link: FrameLink): void {
    const { emit } = this.#context
    const linkId = this.#nextId++
    const names = { modelId, peerId, linkId }
    this.#open.set(linkId, { modelId, peerId, link })
    link.listenForPayments({
      onMessage: (body) => {
        if (!this.#quota.take(String(linkId)).isAllowed) link.close('too many messages of payment')
        else emit('purchase-message', { ...names, body, ...figuresOf(link.received()) })
      },
      onEnd: (reason) => {
        this.#open.delete(linkId)
        emit('purchase-end', { ...names, ...figuresOf(link.received()), reason })
      },
    })
    emit('purchase-open', names)
  }

  /** Nothing happens where the link has ended: `purchase-end` told so. @throws {ERR_LIMIT} */
  send(linkId: number, body: Uint8Array): void {
    this.#open.get(linkId)?.link.pay(body)
  }

  keepForReceipt(linkId: number): void {
    this.#open.get(linkId)?.link.keepForReceipt()
  }

  /** @throws {ERR_NOT_FOUND} it has ended {ERR_PEER_UNREACHABLE} it ended, or did not settle */
  async finish(linkId: number): Promise<ReceivedFigures> {
    const purchase = this.#open.get(linkId)
    if (purchase === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'purchase', id: String(linkId) })
    const { modelId, peerId, link } = purchase
    link.keepForReceipt()
    this.#context.release(modelId, peerId, link)
    if (await link.settle()) return figuresOf(link.received())
    const reason = 'the connection ended before both sides had the same figures'
    throw new HartonomousError('ERR_PEER_UNREACHABLE', { peer: peerId, reason })
  }

  close(linkId: number): void {
    this.#open.get(linkId)?.link.close('its purchase is over')
  }

  closeAll(reason: string): void {
    for (const { link } of [...this.#open.values()]) link.close(reason)
  }
}

function figuresOf({ bytes, transcript }: ServedSnapshot): ReceivedFigures {
  return { receivedBytes: bytes, transcript }
}
