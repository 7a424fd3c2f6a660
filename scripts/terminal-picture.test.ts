import { expect, test } from 'vitest'
import { parseScreen, pictureOfScreens } from './terminal-picture.ts'

test('terminal picture: keeps columns, colours and weights of a screen', () => {
  const [first, second] = parseScreen(
    '  \u001b[1mHART\u001b[0m \u001b[32m██░\u001b[39m  100 %\n\u001b[2mnode\u001b[22m x',
  )
  expect(first!.map(({ column, text }) => [column, text.trim()])).toEqual([
    [2, 'HART'],
    [7, '██░'],
    [12, '100 %'],
  ])
  expect(first![0]!.isBold).toBe(true)
  expect(first![1]!.colour).not.toBe(first![2]!.colour)
  expect(second!.map(({ isDim }) => isDim)).toEqual([true, false])
})

test('terminal picture: is well-formed whatever the text holds', () => {
  const svg = pictureOfScreens(['<script> & "quotes"', '█░'], 'a < b')
  expect(svg).toContain('&lt;script&gt; &amp; &quot;quotes&quot;')
  expect(svg).toContain('<title>a &lt; b</title>')
  expect(svg.match(/<g /g)).toHaveLength(2)
  expect(svg.match(/fill-opacity/g)).toHaveLength(2)
})
