/** What the events of a job say about its answer, as far as it has come. */
import type { JobEvent, JobState } from '#protocol/api/jobs.ts'

export interface Answer {
  text: string
  tokens: number
  /** Texts of tries that another node had to begin anew: no part of the answer. */
  voided: { attempt: number; text: string; tokens: number }[]
  state: JobState | undefined
  reason: string
  firstTextAtMs?: number
  lastTextAtMs?: number
  /** Since the first piece of text; undefined until there is a second one. */
  tokensPerSecond?: number
}

export function answerOf(events: readonly JobEvent[]): Answer {
  let answer: Answer = { text: '', tokens: 0, voided: [], state: undefined, reason: '' }
  let attempt = 0
  /** Came at once with the first piece, so that no time is known for them. */
  let tokensAtFirst = 0
  for (const event of events) {
    if (event.type === 'state') answer = { ...answer, state: event.state, reason: event.reason }
    else if (event.type === 'attempt') {
      const { text, tokens, voided, state, reason } = answer
      const isVoid = text !== ''
      answer = { text: '', tokens: 0, voided: isVoid ? [...voided, { attempt, text, tokens }] : voided, state, reason }
      attempt = event.attempt
    } else if (event.type === 'text') {
      if (answer.firstTextAtMs === undefined) tokensAtFirst = event.tokens
      const firstTextAtMs = answer.firstTextAtMs ?? event.atMs
      const tokens = answer.tokens + event.tokens
      const ms = event.atMs - firstTextAtMs
      answer = {
        ...answer,
        text: answer.text + event.text,
        tokens,
        firstTextAtMs,
        lastTextAtMs: event.atMs,
        ...(ms > 0 ? { tokensPerSecond: (1000 * (tokens - tokensAtFirst)) / ms } : {}),
      }
    }
  }
  return answer
}
