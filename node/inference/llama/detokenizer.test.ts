import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Detokenizer, type TokenText } from './detokenizer.ts'

/** A vocabulary of raw bytes, decoded as V8 does it. */
const bytes: TokenText = { detokenize: (tokens) => Buffer.from(tokens).toString('utf8') }

function pieces(tokens: Iterable<number>): string[] {
  const text = new Detokenizer(bytes, [])
  const parts = Array.from(tokens, (token) => text.push(token))
  return [...parts, text.flush()]
}

describe('detokenizer', () => {
  test('holds a character back until its last byte', () => {
    expect(pieces(Buffer.from('aé😀b'))).toEqual(['a', '', 'é', '', '', '', '😀', 'b', ''])
  })

  test('gives up on bytes that are no UTF-8', () => {
    const parts = pieces([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x61])
    expect(parts.join('')).toBe('\ufffd\ufffd\ufffd\ufffd\ufffd\ufffda')
    expect(parts.findIndex((part) => part !== '')).toBeLessThan(6)
  })

  test('ends an incomplete character with a replacement', () => {
    expect(pieces([0x61, 0xe2, 0x82]).join('')).toBe('a\ufffd')
  })

  test('gives any text back whole, in well-formed parts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const parts = pieces(Buffer.from(text))
        expect(parts.join('')).toBe(text)
        for (const part of parts) expect(part.isWellFormed()).toBe(true)
      }),
    )
  })

  test('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (tokens) => {
        for (const part of pieces(tokens)) expect(part.isWellFormed()).toBe(true)
      }),
    )
  })
})
