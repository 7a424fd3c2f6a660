import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StopFilter } from './stop-filter.ts'

/** What a reader gets when `parts` arrive one by one. */
function read(stops: string[], parts: string[]): string {
  const filter = new StopFilter(stops)
  const seen = parts.map((part) => filter.push(part)).join('')
  return seen + filter.flush()
}

/** The same, from the whole text at once. */
function expected(stops: string[], text: string): string {
  const cuts = stops.filter((stop) => stop !== '').map((stop) => text.indexOf(stop))
  const first = Math.min(...cuts.filter((at) => at >= 0), text.length)
  return text.slice(0, first)
}

describe('stop filter', () => {
  test('cuts before the first stop string', () => {
    expect(read(['END'], ['one E', 'N', 'D two'])).toBe('one ')
    expect(read(['two', 'one'], ['a one two'])).toBe('a ')
  })

  test('gives back what only looked like a stop string', () => {
    const filter = new StopFilter(['\n\n', '###'])
    expect(filter.push('a\n')).toBe('a')
    expect(filter.push('b##')).toBe('\nb')
    expect(filter.flush()).toBe('##')
  })

  test('gives nothing after a stop string', () => {
    const filter = new StopFilter(['x'])
    expect(filter.push('axb')).toBe('a')
    expect(filter.isStopped).toBe(true)
    expect(filter.push('more')).toBe('')
    expect(filter.flush()).toBe('')
  })

  test('gives the same text however it is cut into parts', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 })
    fc.assert(
      fc.property(
        fc.array(letters, { maxLength: 8 }),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }), { maxLength: 3 }),
        (parts, stops) => {
          const text = parts.join('')
          // A stop string that begins later can end earlier than another one: then the earlier end counts.
          const whole = expected(stops, text)
          const seen = read(stops, parts)
          expect(text.startsWith(seen)).toBe(true)
          for (const stop of stops) expect(seen.includes(stop)).toBe(false)
          expect(seen.length).toBeGreaterThanOrEqual(whole.length)
        },
      ),
    )
  })
})
