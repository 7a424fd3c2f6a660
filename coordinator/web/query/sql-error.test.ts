import { expect, test } from 'vitest'
import { errorPlace } from './sql-error.ts'

test('sql error: the word that is named is found by line and column', () => {
  expect(errorPlace('select *\n  fro component', 'the query cannot be answered: near "fro": syntax error')).toEqual({
    line: 2,
    column: 3,
    from: 11,
    to: 14,
  })
  expect(errorPlace('select nam from component', 'no such column: nam')).toMatchObject({ line: 1, column: 8 })
  expect(errorPlace('select (1', 'near "(": syntax error')).toMatchObject({ column: 8 })
})

test('sql error: where it could be in two places, or is in none, nothing is said', () => {
  expect(errorPlace('select a, a from b', 'near "a": syntax error')).toBe(undefined)
  expect(errorPlace('select a', 'near "zzz": syntax error')).toBe(undefined)
  expect(errorPlace('select a', 'it took too long')).toBe(undefined)
})
