import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bitfield } from './bitfield.ts'

const sets = fc
  .integer({ min: 0, max: 200 })
  .chain((length) => fc.record({ length: fc.constant(length), indexes: fc.subarray([...Array(length).keys()]) }))

test('bitfield: the first index is the most significant bit', () => {
  expect([...Bitfield.of(10, [0, 7, 9]).bytes]).toEqual([0x81, 0x40])
})

test('bitfield: behaves as a set of its indexes', () => {
  fc.assert(
    fc.property(sets, fc.nat(220), ({ length, indexes }, probe) => {
      const field = Bitfield.of(length, indexes)
      expect(field.indexes()).toEqual(indexes)
      expect(field.count()).toBe(indexes.length)
      expect(field.isEmpty()).toBe(indexes.length === 0)
      expect(field.isFull()).toBe(indexes.length === length)
      expect(field.has(probe)).toBe(indexes.includes(probe))
      for (const index of indexes) field.clear(index)
      expect(field.isEmpty()).toBe(true)
    }),
  )
})

test('bitfield: and-not, and, or are those of sets', () => {
  fc.assert(
    fc.property(sets, fc.infiniteStream(fc.boolean()), ({ length, indexes }, coins) => {
      const others = [...Array(length).keys()].filter(() => coins.next().value)
      const [a, b] = [Bitfield.of(length, indexes), Bitfield.of(length, others)]
      expect(a.andNot(b).indexes()).toEqual(indexes.filter((index) => !others.includes(index)))
      expect(a.and(b).indexes()).toEqual(indexes.filter((index) => others.includes(index)))
      expect(a.or(b).count()).toBe(new Set([...indexes, ...others]).size)
      expect(a.indexes()).toEqual(indexes)
    }),
  )
})

test.each([0, 1, 7, 8, 9, 64, 65])('bitfield: a full one of %i has no spare bit set', (length) => {
  const full = Bitfield.full(length)
  expect(full.isFull()).toBe(true)
  expect(Bitfield.fromBytes(full.bytes, length).count()).toBe(length)
})

test('bitfield: refuses a wrong size and spare bits', () => {
  const code = 'ERR_DECODE'
  expect(() => Bitfield.fromBytes(new Uint8Array(1), 9)).toThrow(expect.objectContaining({ code }))
  expect(() => Bitfield.fromBytes(new Uint8Array(3), 9)).toThrow(expect.objectContaining({ code }))
  expect(() => Bitfield.fromBytes(Uint8Array.of(0xff, 0x40), 9)).toThrow(expect.objectContaining({ code }))
  expect(Bitfield.fromBytes(Uint8Array.of(0xff, 0x80), 9).isFull()).toBe(true)
})

test('bitfield: an index outside is no member, and cannot be set', () => {
  const field = new Bitfield(9)
  expect(field.has(-1) || field.has(9)).toBe(false)
  expect(() => field.set(9)).toThrow('bit 9 of 9')
})

test('bitfield: fromBytes is a view, clone is a copy', () => {
  const bytes = Buffer.alloc(2)
  const field = Bitfield.fromBytes(bytes, 16)
  const copy = field.clone()
  field.set(8)
  expect([...bytes]).toEqual([0, 0x80])
  expect(copy.isEmpty()).toBe(true)
})
