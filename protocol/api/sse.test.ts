import fc from 'fast-check'
import { expect, test } from 'vitest'
import { doneData, doneEvent, encodeSse, encodeSseComment, type SseEvent, SseParser } from './index.ts'

test('sse: writes what the standard and OpenAI have', () => {
  expect(encodeSse({ a: 1 })).toBe('data: {"a":1}\n\n')
  expect(encodeSse('x', { event: 'status', id: '7' })).toBe('event: status\nid: 7\ndata: x\n\n')
  expect(encodeSse('two\nlines')).toBe('data: two\ndata: lines\n\n')
  expect(encodeSse('a', { event: 'x\ndata: forged' })).toBe('event: x data: forged\ndata: a\n\n')
  expect(encodeSseComment('working')).toBe(': working\n\n')
  expect(new SseParser().push(doneEvent)).toEqual([{ data: doneData }])
})

test('sse: reads the examples of the standard', () => {
  // Source: WHATWG HTML, section 9.2.6.
  const read = (text: string) => new SseParser().push(text)
  expect(read('data: YHOO\ndata: +2\ndata: 10\n\n')).toEqual([{ data: 'YHOO\n+2\n10' }])
  expect(read(': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n')).toEqual([
    { data: 'first event', id: '1' },
    { data: 'second event', id: '' },
    { data: ' third event', id: '' },
  ])
  expect(read('data\n\ndata\ndata\n\ndata:')).toEqual([{ data: '' }, { data: '\n' }])
  expect(read('data:test\n\ndata: test\n\n')).toEqual([{ data: 'test' }, { data: 'test' }])
})

test('sse: reads what it wrote however the text is cut, with any line ends', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/[\r\n\0]/g, ''))
  const event: fc.Arbitrary<SseEvent> = fc.record(
    {
      data: fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n')),
      event: line.filter((name) => name !== ''),
    },
    { requiredKeys: ['data'], noNullPrototype: true },
  )
  const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 80 })
  fc.assert(
    fc.property(fc.array(event), fc.constantFrom('\n', '\r\n', '\r'), sizes, (events, lineEnd, cuts) => {
      const text = events
        .map(({ data, ...rest }) => encodeSse(data, rest))
        .join('')
        .replaceAll('\n', lineEnd)
      const parser = new SseParser()
      const read: SseEvent[] = []
      let at = 0
      for (const size of cuts) {
        read.push(...parser.push(text.slice(at, at + size)))
        at += size
      }
      read.push(...parser.push(text.slice(at)))
      expect(read).toEqual(events)
    }),
  )
})

test('sse: an event without end is refused once it is too long', () => {
  const limit = expect.objectContaining({ code: 'ERR_LIMIT' })
  expect(() => new SseParser(10).push('data: 0123456789')).toThrow(limit)
  const lines = new SseParser(10)
  expect(() => {
    for (let at = 0; at < 100; at++) lines.push('data: 01\n')
  }).toThrow(limit)
})
