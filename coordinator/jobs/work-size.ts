/** How large a piece of work can get: bounds for prices, before anybody has counted. */
import type { ItemWork } from '#protocol/api/jobs.ts'

/** Marks of a chat template around each message, and before the answer. */
const templateTokens = 32

/** No tokenizer makes more tokens than there are bytes. */
export function promptTokensMax(work: ItemWork): number {
  const bytes = (text: string) => Buffer.byteLength(text) + templateTokens
  if (work.kind === 'embedding') return work.input.reduce((sum, text) => sum + bytes(text), 0)
  const texts = work.kind === 'chat' ? work.messages.map(({ content }) => content) : [work.prompt]
  return texts.reduce((sum, text) => sum + bytes(text), templateTokens)
}

/** As the OpenAI faces have it where nothing is said. */
export function completionTokensMax(work: ItemWork): number {
  if (work.kind === 'embedding') return 0
  return work.maxTokens ?? (work.kind === 'chat' ? 1024 : 16)
}
