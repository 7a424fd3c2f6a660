import type { SubmitRequest } from '#protocol/api/jobs.ts'
import { parseHart } from '#protocol/hart.ts'
import type { PlaySearch } from './search.ts'

/** The amount in wei; undefined where nothing was typed, or no amount. */
export function maxPriceWei(max: string | undefined): string | undefined {
  if (max === undefined || max.trim() === '') return undefined
  try {
    return String(parseHart(max))
  } catch {
    return undefined
  }
}

/** What is wrong with it, in words. */
export function maxProblem(max: string | undefined): string | undefined {
  if (max === undefined || max.trim() === '') return undefined
  return maxPriceWei(max) === undefined ? 'Write an amount of HART, like 0.5.' : undefined
}

/** A chat as a job, with what the settings say. */
export function requestOf(
  { privacy, max, temperature, tokens, seed }: PlaySearch,
  model: string,
  messages: { role: 'user' | 'assistant'; content: string }[],
): SubmitRequest {
  const priceWei = maxPriceWei(max)
  return {
    work: {
      kind: 'chat',
      model,
      messages,
      ...(temperature === undefined ? {} : { temperature }),
      ...(tokens === undefined ? {} : { maxTokens: tokens }),
      ...(seed === undefined ? {} : { seed }),
    },
    terms: { privacy: privacy ?? 'public', ...(priceWei === undefined ? {} : { maxPriceWei: priceWei }) },
  }
}

/** The same for a shell, by the face that every client of OpenAI speaks; that face knows neither privacy nor a price. */
export function curlOf(origin: string, { work }: SubmitRequest): string {
  if (work.kind !== 'chat') return ''
  const { model, messages, temperature, maxTokens, seed } = work
  const body = {
    model,
    messages,
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(seed === undefined ? {} : { seed }),
    stream: true,
  }
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''")
  return [
    `curl -N ${origin}/v1/chat/completions \\`,
    '  -H "Authorization: Bearer $HART_KEY" \\',
    "  -H 'Content-Type: application/json' \\",
    `  -d '${quoted}'`,
  ].join('\n')
}
