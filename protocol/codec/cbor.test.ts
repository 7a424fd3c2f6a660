import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cborDepthMax } from '../limits.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { cidOf, linkTo, rawCidOf, tryLinkText } from './cid.ts'
import { fuzzDecoder } from './decoder-suite.ts'

const options = { what: 'test value', bytesMax: 4096 }
const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const decodeHex = (hex: string) => decodeCbor(fromHex(hex), options)

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).value

test('cbor: decodes what it encoded', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(decodeCbor(encodeCbor(value, { what: 'x', bytesMax: 1e6 }), { what: 'x', bytesMax: 1e6 })).toEqual(value)
    }),
  )
})

test('cbor: a map has one encoding whatever the order of its keys', () => {
  const hex = Buffer.from(encodeCbor({ bb: 1, a: 2, c: 3 }, options)).toString('hex')
  expect(hex).toBe('a361610261630362626201')
  expect(Buffer.from(encodeCbor({ c: 3, a: 2, bb: 1 }, options)).toString('hex')).toBe(hex)
})

test.each([
  ['empty input', ''],
  ['trailing bytes', '0101'],
  ['an integer in a longer form', '1801'],
  ['a whole number as a float', 'fb3ff0000000000000'],
  ['minus zero', 'fb8000000000000000'],
  ['a half-precision float', 'f93e00'],
  ['NaN', 'fb7ff8000000000000'],
  ['undefined', 'f7'],
  ['an indefinite array', '9f01ff'],
  ['a tag that is no link', 'c101'],
  ['a link with broken bytes', 'd82a43000102'],
  ['keys out of order', 'a2616201616102'],
  ['a key twice', 'a2616101616102'],
  ['a key that is no text', 'a10101'],
  ['invalid UTF-8', '61ff'],
  ['a string past the end', '5b7fffffffffffffff00'],
  ['an array longer than the input', '9b7fffffffffffffff00'],
  ['a cut head', '1b0000'],
])('cbor: refuses %s', (_, hex) => {
  expect(() => decodeHex(hex)).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
})

test('cbor: refuses deep nesting before it recurses', () => {
  const nested = (depth: number) => new Uint8Array(depth + 1).fill(0x81).fill(0x01, depth)
  expect(() => decodeCbor(nested(cborDepthMax), options)).not.toThrow()
  const field = expect.objectContaining({ field: 'nesting' })
  expect(() => decodeCbor(nested(cborDepthMax + 1), options)).toThrow(expect.objectContaining({ fields: field }))
  expect(() => decodeCbor(nested(200_000), { what: 'x', bytesMax: 1e6 })).toThrow(
    expect.objectContaining({ fields: field }),
  )
})

test('cbor: a __proto__ key is a key like any other, and changes no prototype', () => {
  const value = decodeHex('a1695f5f70726f746f5f5fa1616101') as Record<string, unknown>
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect(Object.keys(value)).toEqual(['__proto__'])
})

test('cbor: both directions keep to the size limit', () => {
  const limit = { what: 'x', bytesMax: 10 }
  const code = 'ERR_LIMIT'
  expect(() => encodeCbor('0123456789', limit)).toThrow(expect.objectContaining({ code }))
  expect(() => decodeCbor(new Uint8Array(11), limit)).toThrow(expect.objectContaining({ code }))
  expect(decodeCbor(encodeCbor('012345678', limit), limit)).toBe('012345678')
})

test('cbor: a Buffer decodes into plain arrays', () => {
  const bytes = Buffer.from(encodeCbor({ a: Uint8Array.of(1) }, options))
  const value = decodeCbor(bytes, options) as { a: Uint8Array }
  expect(value.a.constructor).toBe(Uint8Array)
})

test('cbor: random and mutated input gives typed errors only', () => {
  const link = linkTo(cidOf(Uint8Array.of(1)))
  const samples = [{ a: [1, -2, 1.5, null, true], b: { c: 'text', d: new Uint8Array(40) } }, [link, [[[{}]]]]]
  fuzzDecoder((bytes) => decodeCbor(bytes, options), {
    samples: samples.map((value) => encodeCbor(value, options)),
    runs: 5000,
  })
})

test('cid: of a DAG-CBOR block as other IPFS software writes it', () => {
  // Source: the DAG-CBOR empty map {} (a0), a CID that Kubo and js-ipfs documents name throughout.
  expect(cidOf(Uint8Array.of(0xa0))).toBe('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
  // Source: the raw CID of zero bytes, known from Kubo's `ipfs add --raw-leaves` of an empty file.
  expect(rawCidOf(new Uint8Array())).toBe('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
})

test('cid: a link survives a block, and other CIDs are no links', () => {
  const cid = cidOf(Uint8Array.of(1, 2, 3))
  expect(tryLinkText(decodeCbor(encodeCbor(linkTo(cid), options), options))).toBe(cid)
  expect(tryLinkText(linkTo(rawCidOf(Uint8Array.of(1))))).toBeUndefined()
  expect(tryLinkText('text')).toBeUndefined()
})
