/**
 * What every inference engine must do, run against the real thing: `engineCompliance('llama.cpp', { … })` inside a test
 * file. The model must be the bundled one (or one that answers like it).
 */
import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import type { InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'
import { pacedTokensAheadMax } from '#protocol/limits.ts'
import type { EngineModel, InferEvent, InferenceEngine } from './types.ts'

export interface ComplianceSubject {
  createEngine(): InferenceEngine
  model: EngineModel
  /** One question and every answer that is right, greedily. */
  question: string
  answers: readonly string[]
  /** A prompt that gives a long answer (at least 40 tokens), greedily. */
  longPrompt: InferPrompt
}

export interface Answer {
  text: string
  events: InferEvent[]
  end: Extract<InferEvent, { type: 'end' }>
}

const greedy: SamplingOptions = { temperature: 0, topP: 1, topK: 0, maxTokens: 120, stop: [] }

export function chatPrompt(question: string): InferPrompt {
  return { type: 'chat', messages: [{ role: 'user', content: question }] }
}

/** Reads all events, and checks their order. */
export async function collectAnswer(events: AsyncIterable<InferEvent>): Promise<Answer> {
  const seen: InferEvent[] = []
  let text = ''
  for await (const event of events) {
    assert.notEqual(seen.at(-1)?.type, 'end', 'nothing comes after the end')
    seen.push(event)
    if (event.type === 'delta') text += event.text
  }
  const end = seen.at(-1)
  assert.equal(end?.type, 'end', 'the last event is the end')
  return { text, events: seen, end: end as Answer['end'] }
}

export function engineCompliance(name: string, subject: ComplianceSubject): void {
  const { model, question, answers, longPrompt } = subject
  describe(`${name} engine`, () => {
    let engine: InferenceEngine
    beforeAll(() => {
      engine = subject.createEngine()
    })
    afterAll(() => engine.close())

    const ask = (prompt: InferPrompt, sampling: Partial<SamplingOptions> = {}, signal = new AbortController().signal) =>
      engine.infer(model, prompt, { ...greedy, ...sampling }, { signal })
    const answer = (prompt: InferPrompt, sampling: Partial<SamplingOptions> = {}) =>
      collectAnswer(ask(prompt, sampling))

    test('answers a question greedily, with its events in order and counted', async () => {
      const { text, events, end } = await answer(chatPrompt(question))
      expect(answers).toContain(text)
      const types = events.map((event) => event.type)
      expect(types.filter((type) => type === 'start')).toHaveLength(1)
      expect(types.indexOf('start')).toBeLessThan(types.indexOf('delta'))
      expect(end.reason).toBe('stop')
      expect(end.promptTokens).toBeGreaterThan(3)
      const deltaTokens = events.reduce((sum, event) => sum + (event.type === 'delta' ? event.tokens : 0), 0)
      expect(end.completionTokens).toBeGreaterThanOrEqual(deltaTokens)
      expect(deltaTokens).toBeGreaterThan(5)
      expect(engine.status()).toMatchObject({ state: 'ready', loadedModels: [model.modelId], slotsBusy: 0, crashes: 0 })
    })

    test('gives the same tokens for the same seed, also beside other requests', async () => {
      const sampling = { temperature: 1, seed: 7, maxTokens: 60 }
      const alone = await answer(longPrompt, sampling)
      const together = await Promise.all([answer(longPrompt, sampling), answer(chatPrompt(question))])
      expect(together[0].text).toBe(alone.text)
      expect(answers).toContain(together[1].text)
      const others = await Promise.all([8, 9].map((seed) => answer(longPrompt, { ...sampling, seed })))
      expect(others.some((other) => other.text !== alone.text)).toBe(true)
    })

    test('ends at the token limit and says so', async () => {
      const { end } = await answer(longPrompt, { maxTokens: 7 })
      expect(end).toMatchObject({ reason: 'length', completionTokens: 7 })
      expect((await answer(longPrompt, { maxTokens: 0 })).end).toMatchObject({ reason: 'length', completionTokens: 0 })
    })

    test('ends before a stop string and never shows a part of it', async () => {
      const { text } = await answer(longPrompt)
      const middle = Math.floor(text.length / 2)
      const stop = text.slice(middle, middle + 9)
      const stopped = await answer(longPrompt, { stop: ['never in there', stop] })
      expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)))
      expect(stopped.end.reason).toBe('stop')
    })

    test('cancels within milliseconds and is free again', async () => {
      const controller = new AbortController()
      const events: InferEvent[] = []
      let abortedAt = 0
      for await (const event of ask(longPrompt, { maxTokens: 400 }, controller.signal)) {
        events.push(event)
        if (event.type === 'delta' && abortedAt === 0) {
          abortedAt = performance.now()
          controller.abort()
        }
      }
      expect(performance.now() - abortedAt).toBeLessThan(100)
      expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'cancelled' })
      for await (const event of ask(longPrompt)) if (event.type === 'delta') break
      expect(answers).toContain((await answer(chatPrompt(question))).text)
      expect(engine.status()).toMatchObject({ slotsBusy: 0, queued: 0 })
    })

    test('paced, it is never far ahead of its reader, and gives the same answer in the end', async () => {
      const free = await answer(longPrompt)
      const pacedAnswer = engine.infer(model, longPrompt, greedy, {
        signal: new AbortController().signal,
        isPaced: true,
      })
      expect((await collectAnswer(pacedAnswer)).text).toBe(free.text)

      const controller = new AbortController()
      const events = engine.infer(model, longPrompt, greedy, { signal: controller.signal, isPaced: true })
      const reader = events[Symbol.asyncIterator]()
      let takenTokens = 0
      for (;;) {
        const { value } = await reader.next()
        if (value?.type !== 'delta') continue
        takenTokens += value.tokens
        break
      }
      // Time in which it would run on.
      expect((await answer(longPrompt)).text).toBe(free.text)
      controller.abort()
      let end: InferEvent | undefined
      for (let next = await reader.next(); !next.done; next = await reader.next()) end = next.value
      assert(end?.type === 'end')
      expect(end.reason).toBe('cancelled')
      expect(end.completionTokens).toBeLessThanOrEqual(takenTokens + pacedTokensAheadMax)
    })

    test('runs more requests than it has slots', async () => {
      const count = engine.status().slots * 3
      const all = await Promise.all(Array.from({ length: count }, () => answer(chatPrompt(question))))
      for (const one of all) expect(answers).toContain(one.text)
    })

    test('refuses a prompt that does not fit, before decoding', async () => {
      const error = await collectAnswer(ask(chatPrompt('word '.repeat(20_000)))).catch((reason: unknown) => reason)
      assert(isHartonomousError(error, 'ERR_CONTEXT_LENGTH'))
      expect(error.fields.promptTokens).toBeGreaterThan(error.fields.contextTokens)
    })

    test('refuses a missing file and one that is no model, and lives on', async () => {
      const missing = { ...model, modelId: 'missing' as EngineModel['modelId'], path: `${model.path}.missing` }
      const error = await collectAnswer(
        engine.infer(missing, longPrompt, greedy, { signal: new AbortController().signal }),
      ).catch((reason: unknown) => reason)
      expect(isHartonomousError(error, 'ERR_NOT_FOUND')).toBe(true)
      expect(answers).toContain((await answer(chatPrompt(question))).text)
    })

    test('loads a model again after it was unloaded', async () => {
      await engine.unload(model.modelId)
      expect(engine.status().loadedModels).toEqual([])
      const { text, events } = await answer(chatPrompt(question))
      expect(events[0]).toEqual({ type: 'loading' })
      expect(answers).toContain(text)
    })
  })
}
