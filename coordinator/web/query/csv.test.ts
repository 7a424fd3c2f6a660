import { expect, test } from 'vitest'
import { csvOf } from './csv.ts'

test('csv: what would end a field is quoted, and what a spreadsheet would run is not run', () => {
  const columns = ['name', 'n']
  const rows = [
    ['a,b "c"\nd', 1],
    ['=HYPERLINK("x")', -2.5],
    [null, null],
  ]
  expect(csvOf({ columns, rows })).toBe('name,n\r\n"a,b ""c""\nd",1\r\n"\'=HYPERLINK(""x"")",-2.5\r\n,')
})
