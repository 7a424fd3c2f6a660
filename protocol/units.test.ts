import { expect, test } from 'vitest'
import { formatBytes, formatDuration, formatRate, GiB, MiB, parseBytes } from './units.ts'

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.50 KiB'],
  [15 * MiB, '15.0 MiB'],
  [200 * GiB, '200 GiB'],
])('units: %i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [999, '999 ms'],
  [1500, '1.5 s'],
  [59_400, '59 s'],
  [83_000, '1m 23s'],
  [59_700, '1m 0s'],
  [119_600, '2m 0s'],
  [3_599_900, '1h 0m'],
  [86_399_000, '1d 0h'],
  [7_199_999, '2h 0m'],
  [90_000_000, '1d 1h'],
])('units: %i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('units: rates are sizes per second', () => {
  expect(formatRate(2 * MiB)).toBe('2.00 MiB/s')
})

test.each([
  ['50GiB', 50 * GiB],
  ['1.5 MB', 1_500_000],
  ['4096', 4096],
  ['1k', 1024],
  ['2 KB', 2000],
  ['7b', 7],
])('units: reads %s', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes)
})

test.each(['', 'GiB', '-1', '1e9', '5 QiB', '1.2.3 MB', '99999999999TiB'])('units: refuses %j', (text) => {
  expect(() => parseBytes(text)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
})
