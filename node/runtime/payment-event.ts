/** What payment tells, as an event of the node: amounts as text. */
import type { NodeEvent } from '#protocol/api/control.ts'
import type { PaymentEvent } from '../payment/index.ts'

export function paymentEventOf(event: PaymentEvent): NodeEvent {
  const { side, peerId } = event
  switch (event.type) {
    case 'voucher': {
      const { channel, cumulativeWei, addedWei } = event
      return {
        event: 'voucher',
        side,
        peerId,
        channel,
        cumulativeWei: String(cumulativeWei),
        addedWei: String(addedWei),
      }
    }
    case 'receipt': {
      const { kind, modelId, bytes, promptTokens, completionTokens, dueWei } = event.details
      return {
        event: 'receipt',
        side,
        peerId,
        kind,
        modelId,
        bytes,
        promptTokens,
        completionTokens,
        dueWei: String(dueWei),
      }
    }
    case 'leave':
      return { event: 'payer-leave', peerId, channel: event.channel }
    default:
      return { event: 'payment-stop', side, peerId, reason: event.reason }
  }
}
