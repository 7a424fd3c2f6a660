import { expect, test } from 'vitest'
import { formatHart, parseHart, weiPerHart } from '#protocol/hart.ts'
import { readAmount } from './amount.ts'
import { exactHart, shortHart } from './hart.tsx'

const limits = {
  mostWei: parseHart('100'),
  tooMuch: 'There are',
  leastWei: parseHart('1'),
  tooLittle: 'The least is',
}

test('amount: eighteen decimals are kept to the last, and nothing that is not an amount is taken', () => {
  expect(readAmount('12.000000000000000001', limits)).toEqual({ wei: 12n * weiPerHart + 1n })
  expect(readAmount(formatHart(limits.mostWei), limits)).toEqual({ wei: limits.mostWei })
  expect(readAmount('  ', limits)).toEqual({})
  for (const text of ['1,5', '1e3', '-1', '0x10', '1.0000000000000000001', 'all', '.'])
    expect([text, readAmount(text, limits)]).toEqual([text, { problem: expect.stringContaining('Write it like') }])
})

test('amount: more than there is, less than is taken, and zero are told with their figures', () => {
  expect(readAmount('100.000000000000000001', limits).problem).toBe('There are 100 HART.')
  expect(readAmount('0.5', limits).problem).toBe('The least is 1 HART.')
  expect(readAmount('0', limits).problem).toBe('More than zero.')
})

test('hart: what is shown is never more than there is', () => {
  expect(shortHart(parseHart('1234.99999'))).toBe('1,234.9999')
  expect(shortHart(1n)).toBe('< 0.0001')
  expect(shortHart(0n)).toBe('0')
  expect(exactHart(parseHart('1234567.000000000000000001'))).toBe('1,234,567.000000000000000001')
})
