import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatHart, hartWeiMax, parseHart, weiPerHart } from './hart.ts'

test.each([
  ['12.5', 12_500_000_000_000_000_000n],
  ['12.5 HART', 12_500_000_000_000_000_000n],
  ['1hart', weiPerHart],
  ['0', 0n],
  ['007', 7n * weiPerHart],
  ['0.000000000000000001', 1n],
  ['123wei', 123n],
  ['123 Wei', 123n],
  ['21000000', hartWeiMax],
])('hart: %j is read to the last wei', (text, amountWei) => {
  expect(parseHart(text)).toBe(amountWei)
})

test.each([
  '',
  '.5',
  '5.',
  '-1',
  '+1',
  '1e3',
  '0x10',
  '1,000',
  '1 000',
  '1_000',
  '1.5wei',
  '1 ETH',
  'wei',
  '１２',
  '1.0000000000000000001',
  '21000000.000000000000000001',
  '9'.repeat(65),
])('hart: %j is refused as no amount', (text) => {
  expect(() => parseHart(text)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
})

test.each([
  [0n, '0'],
  [1n, '0.000000000000000001'],
  [weiPerHart, '1'],
  [100n * weiPerHart, '100'],
  [12_500_000_000_000_000_000n, '12.5'],
  [-weiPerHart / 2n, '-0.5'],
])('hart: %i wei are written without a digit too many', (amountWei, text) => {
  expect(formatHart(amountWei)).toBe(text)
})

test('hart: every amount that can exist is read back as it was written', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: hartWeiMax }), (amountWei) => {
      expect(parseHart(formatHart(amountWei))).toBe(amountWei)
      expect(parseHart(`${amountWei}wei`)).toBe(amountWei)
    }),
  )
})

test('hart: digits are read as school arithmetic has them', () => {
  const digits = (max: number) => fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: max })
  fc.assert(
    fc.property(digits(7), digits(18), (whole, fraction) => {
      const tenths = fraction.reduce((sum, digit, index) => sum + BigInt(digit) * 10n ** BigInt(17 - index), 0n)
      const expected = BigInt(whole.join('')) * weiPerHart + tenths
      fc.pre(expected <= hartWeiMax)
      expect(parseHart(`${whole.join('')}.${fraction.join('')}`)).toBe(expected)
    }),
  )
})

test('hart: any text is an amount or ERR_USAGE, never anything else', () => {
  const characters = fc.constantFrom(...'0123456789.,-+exwiHARTnN \t_')
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: characters, maxLength: 80 })), (text) => {
      try {
        const amountWei = parseHart(text)
        expect(amountWei >= 0n && amountWei <= hartWeiMax).toBe(true)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_USAGE' })
      }
    }),
  )
})
