import { expect, test } from 'vitest'
import type { JobEvent, JobEventBody } from '#protocol/api/jobs.ts'
import { answerOf } from './answer.ts'

function eventsOf(...bodies: (JobEventBody & { atMs?: number })[]): JobEvent[] {
  return bodies.map((body, index) => ({ atMs: 1000 + index, ...body, seq: index + 1 }))
}
const begins = (attempt: number, isHedge = false): JobEventBody => ({ type: 'attempt', attempt, peerId: 'n', isHedge })

test('answer: pieces of text are joined, and their speed is counted from the first piece on', () => {
  const { text, tokens, tokensPerSecond, state } = answerOf(
    eventsOf(
      begins(1),
      { type: 'state', state: 'running', reason: 'its node answers' },
      { type: 'text', text: 'Hel', tokens: 4, atMs: 2000 },
      { type: 'text', text: 'lo', tokens: 6, atMs: 2200 },
      { type: 'text', text: '.', tokens: 4, atMs: 2500 },
    ),
  )
  expect({ text, tokens, state }).toEqual({ text: 'Hello.', tokens: 14, state: 'running' })
  expect(tokensPerSecond).toBe(20)
})

test('answer: a new try voids the text so far, says whose it was, and begins to count anew', () => {
  const answer = answerOf(
    eventsOf(begins(1), { type: 'text', text: 'wrong', tokens: 2 }, begins(2), {
      type: 'text',
      text: 'right',
      tokens: 3,
    }),
  )
  expect(answer).toMatchObject({ text: 'right', tokens: 3, voided: [{ attempt: 1, text: 'wrong', tokens: 2 }] })
  expect(answer.tokensPerSecond).toBeUndefined()
})

test('answer: a hedge that begins before there is any text voids nothing', () => {
  const answer = answerOf(eventsOf(begins(1), begins(2, true), { type: 'text', text: 'a', tokens: 1 }))
  expect(answer).toMatchObject({ text: 'a', voided: [] })
})
