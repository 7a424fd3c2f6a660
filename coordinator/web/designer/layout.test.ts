import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyGraph } from './graph.fixture.ts'
import { placesOf, stepHeight, stepWidth } from './layout.ts'
import { linksOf } from './links.ts'

test('layout: every link goes to the right, and no two steps stand on each other', () => {
  fc.assert(
    fc.property(anyGraph, (graph) => {
      const links = linksOf(graph)
      const ids = graph.steps.map(({ id }) => id)
      const places = placesOf(ids, links)
      expect([...places.keys()].sort()).toEqual([...ids].sort())
      for (const { from, to } of links) expect(places.get(from)!.x + stepWidth).toBeLessThan(places.get(to)!.x)
      for (const one of ids)
        for (const other of ids) {
          if (one >= other) continue
          const [a, b] = [places.get(one)!, places.get(other)!]
          expect(Math.abs(a.x - b.x) >= stepWidth || Math.abs(a.y - b.y) >= stepHeight).toBe(true)
        }
    }),
  )
})

test('layout: a circle, which is a mistake to be seen, is drawn all the same', () => {
  const link = (from: string, to: string) => ({ from, to, kind: 'value' as const, paths: [''] })
  const places = placesOf(['a', 'b', 'c'], [link('a', 'b'), link('b', 'c'), link('c', 'a'), link('b', 'b')])
  expect(places.size).toBe(3)
})

test('layout: a step that waits for nothing stands just before the first that needs it', () => {
  const link = (from: string, to: string) => ({ from, to, kind: 'value' as const, paths: [''] })
  const places = placesOf(['a', 'b', 'late', 'c'], [link('a', 'b'), link('b', 'c'), link('late', 'c')])
  expect(places.get('late')!.column).toBe(places.get('b')!.column)
})
