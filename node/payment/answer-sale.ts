/** Sells answers: tokens wait until they may be sent, and the receipt goes out before the end of the answer. */
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { inputHash } from '#protocol/infer/index.ts'
import { unpaidWaitMs } from '#protocol/limits.ts'
import type { Sale as AnswerSale } from '../inference/types.ts'
import { Sale, type SellerDependencies } from './sale.ts'
import { inferUnit } from './unit.ts'

/**
 * @param first the buyer's first message, where it sent one.
 * @throws {ERR_UNPAID} where answers have a price and the buyer offers no payment
 */
export async function sellAnswer(
  deps: SellerDependencies,
  peerId: PeerId,
  modelId: ModelId,
  first: Uint8Array | undefined,
  send: (message: Uint8Array) => Promise<void>,
): Promise<AnswerSale | undefined> {
  const isFree = deps.terms().prices.weiPerKiloToken === 0n
  if (first === undefined) {
    if (isFree) return undefined
    throw new HartonomousError('ERR_UNPAID', { peer: peerId, reason: 'answers of this node have a price' })
  }
  let allowed = 0
  let wake = Promise.withResolvers<void>()
  const changed = () => {
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const sale = new Sale(
    {
      peerId,
      unit: inferUnit,
      send: (message) => void send(message).catch(() => undefined),
      onCredit: (tokens) => {
        allowed = tokens
        changed()
      },
      onStop: changed,
    },
    deps,
  )
  sale.receive(first)
  return {
    receive: (message) => void sale.receive(message),
    credit: async (totalTokens, signal) => {
      // Nearly every token: a deadline for each would cost more than all of its payment.
      if (allowed >= totalTokens) return sale.done(totalTokens)
      const deadline = AbortSignal.timeout(unpaidWaitMs)
      const ended = AbortSignal.any([signal, deadline])
      ended.addEventListener('abort', changed, { once: true })
      // The first time the quote may still be on its way.
      await sale.opened
      while (allowed < totalTokens && sale.stopped === undefined && !ended.aborted) {
        const woken = wake.promise
        sale.wait(totalTokens)
        await woken
      }
      ended.removeEventListener('abort', changed)
      if (allowed >= totalTokens) return sale.done(totalTokens)
      const reason = sale.stopped ?? (deadline.aborted ? 'unpaid' : 'cancelled')
      throw new HartonomousError('ERR_UNPAID', { peer: peerId, reason })
    },
    finish: async ({ input, output, promptTokens, completionTokens, durationMs, build }) =>
      await sale.finish({
        modelId,
        units: promptTokens + completionTokens,
        input: inputHash(input),
        output,
        promptTokens,
        completionTokens,
        durationMs,
        build,
      }),
    end: () => void sale.end('the answer ended'),
  }
}
