/** Buys answers: one purchase per answer. */
import { randomBytes } from 'node:crypto'
import type { PeerId } from '#protocol/ids.ts'
import { type EmbedInput, type InferInput, inputHash } from '#protocol/infer/index.ts'
import type { StopReason } from '#protocol/payment/index.ts'
import type { Purchase as AnswerPurchase } from '../inference/types.ts'
import type { ReceiptMessage } from './ledger.ts'
import { type BuyerDependencies, Purchase } from './purchase.ts'
import { inferUnit } from './unit.ts'

/** Marks of a chat template around each message, and before the answer. */
const templateTokens = 32

/** Which work is bought: the same job and attempt again is the same work, and gets the same receipt. */
export interface WorkOrder {
  /** 32 bytes. */
  job: Uint8Array
  attempt: number
}

export interface BoughtAnswer extends AnswerPurchase {
  /** What was counted so far as due for it, and the receipt where one came. */
  account(): { costWei: bigint; receipt?: ReceiptMessage }
}

export function buyAnswer(
  deps: BuyerDependencies & { onUnusable: (peerId: PeerId, reason: StopReason) => void },
  peerId: PeerId,
  asked: InferInput | EmbedInput,
  order: WorkOrder = { job: randomBytes(32), attempt: 0 },
): BoughtAnswer {
  const promptTokensMax = boundOf(asked)
  let promptTokens = promptTokensMax
  let receivedTokens = 0
  let send: (message: Uint8Array) => Promise<void> = async () => undefined
  let receipt: ReceiptMessage | undefined
  const purchase = new Purchase(
    {
      peerId,
      modelId: asked.modelId,
      unit: inferUnit,
      ...order,
      send: (message) => void send(message).catch(() => undefined),
      received: () => receivedTokens + promptTokens,
      receivedAtLeast: () => receivedTokens,
      onStop: (reason) => deps.onUnusable(peerId, reason),
    },
    deps,
  )
  return {
    first: purchase.first,
    attach: (to) => {
      send = to
    },
    receive: (message, tokens) => {
      receivedTokens = tokens
      purchase.receive(message)
    },
    finish: async (answer) => {
      receivedTokens = answer.completionTokens
      // What it counts is taken as far as it can be true.
      promptTokens = Math.min(promptTokensMax, answer.promptTokens)
      receipt = await purchase.finish({ input: inputHash(answer.input), output: answer.output })
    },
    end: () => void purchase.end('the answer ended'),
    account: () => ({ costWei: purchase.costWei, ...(receipt === undefined ? {} : { receipt }) }),
  }
}

/** No tokenizer makes more tokens than there are bytes. */
function boundOf(asked: InferInput | EmbedInput): number {
  if ('inputs' in asked) return asked.inputs.reduce((sum, text) => sum + Buffer.byteLength(text) + templateTokens, 0)
  const { prompt } = asked
  if (prompt.type === 'completion') return Buffer.byteLength(prompt.text) + templateTokens
  return prompt.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content) + templateTokens, templateTokens)
}
