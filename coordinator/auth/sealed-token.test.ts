import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TokenSealer } from './sealed-token.ts'

const nowMs = 1_800_000_000_000

describe('sealed token', () => {
  const sealer = new TokenSealer()

  test('says what was sealed, until its time', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 50, unit: 'grapheme' }),
        fc.integer({ min: 2000, max: 1e9 }),
        (payload, ttlMs) => {
          const text = sealer.seal('session', payload, nowMs + ttlMs)
          if (text.length > 512) return
          const opened = sealer.open('session', text, nowMs)
          expect(opened?.payload).toBe(payload)
          expect(opened!.expiresAtMs).toBeLessThanOrEqual(nowMs + ttlMs)
          expect(sealer.open('session', text, nowMs + ttlMs)).toBeUndefined()
        },
      ),
    )
  })

  test('with any digit changed, cut or added it is nothing', () => {
    const text = sealer.seal('session', 'me', nowMs + 60_000)
    for (let at = 0; at < text.length; at++) {
      const digit = text[at] === '0' ? '1' : '0'
      expect(sealer.open('session', text.slice(0, at) + digit + text.slice(at + 1), nowMs)).toBeUndefined()
      expect(sealer.open('session', text.slice(0, at), nowMs)).toBeUndefined()
    }
    for (const other of [`${text}00`, `00${text}`, text.toUpperCase(), ` ${text}`, `${text}\n`, '', 'é'.repeat(90)]) {
      expect(sealer.open('session', other, nowMs)).toBeUndefined()
    }
  })

  test('is nothing for another purpose, and under another key', () => {
    const text = sealer.seal('nonce', '', nowMs + 60_000)
    expect(sealer.open('nonce', text, nowMs)?.payload).toBe('')
    expect(sealer.open('session', text, nowMs)).toBeUndefined()
    expect(new TokenSealer().open('nonce', text, nowMs)).toBeUndefined()
  })

  test('any text is opened or refused, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]*$/)), (text) => {
        expect(sealer.open('session', text, nowMs)).toBeUndefined()
      }),
    )
  })
})
