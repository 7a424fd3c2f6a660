import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable, WordWrap } from './wrap.ts'

function wrap(parts: string[], columns: number, indent = ''): string {
  const wrapped = new WordWrap(columns, indent)
  return parts.map((part) => wrapped.push(part)).join('') + wrapped.end()
}

test('wrap: breaks between words and indents each line', () => {
  expect(wrap(['Nodes hold sha', 'rds of models, ', 'and share them.'], 18, '  ')).toBe(
    '  Nodes hold\n  shards of\n  models, and\n  share them.',
  )
})

test('wrap: keeps line breaks, and lines of their own begin anew', () => {
  expect(wrap(['one two\n\nthree'], 40, '  ')).toBe('  one two\n\n  three')
})

test('wrap: loses no word, no line is too long, however the text is cut into parts', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z ]{0,12}$/), { maxLength: 30 }),
      fc.integer({ min: 20, max: 60 }),
      (parts, columns) => {
        const text = wrap(parts, columns, '  ')
        const words = (of: string) => of.split(/\s+/).filter((word) => word !== '')
        const long = words(parts.join('')).some((word) => word.length >= columns - 2)
        if (!long) expect(words(text)).toEqual(words(parts.join('')))
        for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
      },
    ),
  )
})

test('wrap: an answer cannot move the cursor or ring the bell', () => {
  expect(printable('a\u001b[2Jb\u0007c\u009bd\te\nf')).toBe('a[2Jbcd\te\nf')
})
