import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTemplate, pathsOf } from '#protocol/api/template.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { jobTextBytesMax } from '#protocol/limits.ts'
import { render, renderJson } from './template.ts'

const values = new Map<string, unknown>([
  ['input', { name: 'Ada', list: [1, { deep: true }], 'a-b': 'dashed' }],
  ['item', '{{input.name}}'],
  ['index', 0],
])

test.each([
  ['Hello {{input.name}}, {{ index }}', 'Hello Ada, 0'],
  ['{{input.list.1.deep}} {{input.list.length}} {{input.a-b}}', 'true 2 dashed'],
  ['{{input.list}}', '[1,{"deep":true}]'],
  ['nothing: {{input.missing}}{{missing}}{{input.name.0}}', 'nothing: '],
  ['no path { } }} {', 'no path { } }} {'],
])('template: %s is %s', (text, expected) => {
  expect(render(text, values)).toBe(expected)
})

test('template: what is put in is not read again', () => {
  expect(render('{{item}}', values)).toBe('{{input.name}}')
})

test.each(['constructor', '__proto__', 'toString', 'prototype', 'hasOwnProperty', 'at'])(
  'template: %s of a prototype cannot be read',
  (name) => {
    const path = `{{input.${name}}}{{input.list.${name}}}{{item.${name}}}{{input.name.${name}.constructor}}{{${name}}}`
    expect(render(path, values)).toBe('')
    expect(renderJson(`{{input.${name}}}`, values)).toBe(null)
  },
)

test.each(['{{', '{{}}', '{{ }}', '{{a b}}', '{{a..b}}', '{{.a}}', '{{a.}}', '{{a()}}', '{{a[0]}}', '{{{a}}}', '{{a}'])(
  'template: %s is refused by name',
  (text) => {
    expect(() => parseTemplate(`text ${text}`, 'steps[1].prompt')).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE', fields: expect.objectContaining({ param: 'steps[1].prompt' }) }),
    )
  },
)

test('template: arguments keep the types of what they name, and a key called __proto__ is data', () => {
  const args = JSON.parse('{"list":"{{input.list}}","text":"n={{input.list.0}}","__proto__":["{{index}}",true,null]}')
  const filled = renderJson(args, values) as Record<string, unknown>
  expect(JSON.stringify(filled)).toBe('{"list":[1,{"deep":true}],"text":"n=1","__proto__":[0,true,null]}')
  expect(Object.getPrototypeOf(filled)).toBe(Object.prototype)
})

test('template: a text that would become too long is refused before it is made', () => {
  const long = new Map([['input', 'x'.repeat(jobTextBytesMax)]])
  expect(render('{{input}}', long)).toHaveLength(jobTextBytesMax)
  expect(() => render('{{input}}{{input}}', long)).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }))
})

test('template: any text is rendered or refused, and texts around paths stay as they are', () => {
  const piece = fc.oneof(
    fc.constantFrom('{{', '}}', '{', '}', '.', 'input', 'name', '{{input.name}}', ' '),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      try {
        const paths = pathsOf(text)
        const rendered = render(text, new Map())
        if (paths.length === 0) expect(rendered).toBe(text)
        expect(rendered.length).toBeLessThanOrEqual(text.length)
      } catch (error) {
        if (!isHartonomousError(error, 'ERR_USAGE')) throw error
      }
    }),
    { numRuns: 2000 },
  )
})
