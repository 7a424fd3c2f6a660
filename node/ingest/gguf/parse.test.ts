import { describe, expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { baseValues, memorySource, spmValues, tensor, tinyModel } from '../test-files.ts'
import { tensorTypes } from './dtypes.ts'
import { parseGguf } from './parse.ts'
import { encodeGguf, type GgufPlan, type GgufTensorPlan, type GgufValue, gguf, ggufHeader } from './write.ts'

const parse = (bytes: Uint8Array) => parseGguf(memorySource(bytes))

async function refusal(bytes: Uint8Array): Promise<{ field: string; offset: number; reason: string }> {
  const error = await parse(bytes).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isHartonomousError(error, 'ERR_MODEL_FILE')) throw new Error(`not refused: ${String(error)}`)
  return error.fields
}

const plan = (tensors: GgufTensorPlan[], values: Record<string, GgufValue> = {}): GgufPlan => ({
  values: { ...baseValues(), ...values },
  tensors,
})

/** A header of this many tensors and values, then `rest`. */
function raw(tensors: bigint, values: bigint, rest: Uint8Array = new Uint8Array(), version = 3): Buffer {
  const head = Buffer.alloc(24)
  head.write('GGUF')
  head.writeUInt32LE(version, 4)
  head.writeBigUInt64LE(tensors, 8)
  head.writeBigUInt64LE(values, 16)
  return Buffer.concat([head, rest])
}

/** Overwrites the u64 at the last place where `text` ends. */
function patchAfter(bytes: Buffer, text: string, skip: number, value: bigint): Buffer {
  const at = bytes.lastIndexOf(text) + text.length + skip
  bytes.writeBigUInt64LE(value, at)
  return bytes
}

describe('gguf header', () => {
  test('gguf header: versions 2 and 3, values of every type and tensors of every type are read', async () => {
    for (const version of [2, 3] as const) {
      const values: Record<string, GgufValue> = {
        u8: { type: 'u8', value: 255 },
        i8: { type: 'i8', value: -128 },
        u16: { type: 'u16', value: 65_535 },
        i16: { type: 'i16', value: -5 },
        u32: gguf.u32(4_000_000_000),
        i32: { type: 'i32', value: -7 },
        f32: gguf.f32(0.5),
        bool: gguf.bool(true),
        text: gguf.text('größe 漢字'),
        u64: { type: 'u64', value: 2n ** 63n },
        i64: { type: 'i64', value: -12 },
        f64: { type: 'f64', value: 1e300 },
        list: gguf.array('u32', [3, 1, 2]),
        long: gguf.array('u8', new Uint8Array(5000)),
      }
      const tensors = tensorTypes.map(({ name, blockElements }) => tensor(`t.${name}`, [3, blockElements * 2], name))
      const file = await parse(encodeGguf({ ...plan(tensors, values), version }))
      expect(file.version).toBe(version)
      const read = Object.fromEntries([...file.values].map(([key, { value }]) => [key, value]))
      expect(read).toMatchObject({
        u8: 255,
        i8: -128,
        u16: 65_535,
        i16: -5,
        u32: 4_000_000_000,
        i32: -7,
        f32: 0.5,
        bool: true,
        text: 'größe 漢字',
        u64: 2n ** 63n,
        i64: -12,
        f64: 1e300,
        list: [3, 1, 2],
        long: { arrayLength: 5000, itemType: 'u8' },
      })
      expect(file.tensors.map((each) => each.sizeBytes)).toEqual(tensorTypes.map((type) => type.blockBytes * 6))
      expect(file.tensors.every((each) => each.offsetBytes % 32 === 0)).toBe(true)
    }
  })

  test('gguf header: tensors are placed by offset, whatever the order of their descriptions', async () => {
    const a = tensor('a', [8])
    const bytes = encodeGguf(plan([a, tensor('b', [8])]))
    const { offsets } = ggufHeader(plan([a, tensor('b', [8])]))
    // Descriptions end with the offset: exchange the two.
    patchAfter(bytes, 'a', 4 + 8 + 4, 32n)
    patchAfter(bytes, 'b', 4 + 8 + 4, 0n)
    const file = await parse(bytes)
    expect(file.tensors.map(({ name, offsetBytes }) => [name, offsetBytes])).toEqual([
      ['b', offsets[0]],
      ['a', offsets[1]],
    ])
  })

  test('gguf header: other alignments are kept, a scalar and an empty tensor are allowed', async () => {
    const values = { 'general.alignment': gguf.u32(4096) }
    const tensors = [tensor('scalar', []), tensor('empty', [0, 4]), tensor('last', [2, 3])]
    const file = await parse(encodeGguf({ ...plan(tensors, values), alignmentBytes: 4096 }))
    expect(file.tensors.map(({ sizeBytes, offsetBytes }) => [sizeBytes, offsetBytes % 4096])).toEqual([
      [4, 0],
      [0, 0],
      [24, 0],
    ])
  })

  test('gguf header: long arrays are passed over, not read', async () => {
    const bytes = encodeGguf(
      plan([], { big: gguf.array('f32', new Float32Array(4 * 1024 * 1024)), after: gguf.u32(7) }),
    )
    const source = memorySource(bytes)
    const file = await parseGguf(source)
    expect(file.values.get('after')?.value).toBe(7)
    expect(source.readBytes).toBeLessThan(1024 * 1024)
  })

  test('gguf header: tokens need not be UTF-8, a vocabulary is looked at in passing', async () => {
    const values = { 'tokenizer.ggml.tokens': gguf.array('string', [Buffer.from([0xff, 0xfe]), 'b']) }
    const file = await parse(encodeGguf(plan([], values)))
    expect(file.vocabulary.tokenCount).toBe(2)
    expect(file.values.get('tokenizer.ggml.tokens')?.value).toEqual({ arrayLength: 2, itemType: 'string' })
  })

  test('gguf header: a text too long to be kept is counted', async () => {
    const file = await parse(encodeGguf(plan([], { note: gguf.text('x'.repeat(300 * 1024)) })))
    expect(file.values.get('note')?.value).toEqual({ arrayLength: 300 * 1024, itemType: 'character' })
  })
})

describe('gguf refusals', () => {
  test('gguf refusals: foreign, old, new and big-endian files', async () => {
    expect(await refusal(Buffer.from('PK\x03\x04 and so on'))).toMatchObject({ field: 'magic', offset: 0 })
    expect((await refusal(raw(0n, 0n, undefined, 1))).reason).toContain('version 1')
    expect((await refusal(raw(0n, 0n, undefined, 4))).reason).toContain('version 4')
    expect((await refusal(raw(0n, 0n, undefined, 3 << 24))).reason).toContain('big-endian')
    expect(await refusal(new Uint8Array())).toMatchObject({ field: 'magic', offset: 0 })
  })

  test('gguf refusals: counts that the file cannot hold, before anything is allocated', async () => {
    const huge = 2n ** 64n - 1n
    expect(await refusal(raw(huge, 0n))).toMatchObject({ field: 'tensor count', offset: 8 })
    expect(await refusal(raw(0n, huge))).toMatchObject({ field: 'metadata count', offset: 16 })
    expect((await refusal(raw(100_000n, 0n))).field).toBe('tensor count')
    const list = encodeGguf(plan([], { list: gguf.array('u32', [1, 2]) }))
    expect(await refusal(patchAfter(list, 'list', 8, 16_000_000n))).toMatchObject({ field: 'list' })
    expect((await refusal(patchAfter(list, 'list', 8, huge))).reason).toContain('the limit is')
    const text = encodeGguf(plan([], { text: gguf.text('abc') }))
    expect(await refusal(patchAfter(text, 'text', 4, 2n ** 62n))).toMatchObject({ field: 'text' })
  })

  test('gguf refusals: duplicate, empty, unprintable and ill-encoded names', async () => {
    const twice = encodeGguf(plan([], { aa: gguf.u32(1), ab: gguf.u32(2) }))
    twice.write('aa', twice.lastIndexOf('ab'))
    expect((await refusal(twice)).reason).toContain('twice')
    const same = encodeGguf(plan([tensor('aa', [8]), tensor('ab', [8])]))
    const at = same.lastIndexOf('ab')
    same.write('aa', at)
    expect(await refusal(same)).toMatchObject({ field: 'tensor aa', offset: at - 8 })
    expect((await refusal(encodeGguf(plan([tensor('', [8])])))).reason).toContain('printable')
    expect((await refusal(encodeGguf(plan([tensor('a\u202eb', [8])])))).reason).toContain('printable')
    expect((await refusal(encodeGguf(plan([tensor('x'.repeat(300), [8])])))).reason).toContain('limit')
    const bad = encodeGguf(plan([], { text: gguf.text(new Uint8Array([0x61, 0xc3, 0x28])) }))
    expect(await refusal(bad)).toMatchObject({ field: 'text', reason: 'not UTF-8' })
  })

  test('gguf refusals: alignment that is no power of two, too large or of a wrong type', async () => {
    for (const value of [0, 3, 48, 2 ** 21]) {
      const bytes = encodeGguf(plan([tensor('a', [8])], { 'general.alignment': gguf.u32(value) }))
      expect((await refusal(bytes)).field, String(value)).toBe('general.alignment')
    }
    const text = encodeGguf(plan([], { 'general.alignment': gguf.text('32') }))
    expect((await refusal(text)).reason).toContain('type string')
  })

  test('gguf refusals: shapes that overflow, too many dimensions, unknown types, split blocks', async () => {
    const wide = encodeGguf(plan([tensor('w', [4, 4])]))
    expect((await refusal(patchAfter(Buffer.from(wide), 'w', 4, 2n ** 62n))).reason).toContain('overflows')
    expect((await refusal(patchAfter(Buffer.from(wide), 'w', 4, 2n ** 52n))).reason).toContain('overflows')
    const hidden = encodeGguf(plan([tensor('w', [4, 4, 4])]))
    patchAfter(hidden, 'w', 4, 2n ** 40n)
    patchAfter(hidden, 'w', 12, 0n)
    expect((await refusal(patchAfter(hidden, 'w', 20, 2n ** 40n))).reason).toContain('overflows')
    const many = encodeGguf(plan([tensor('w', [1, 1, 1, 1, 1, 1, 1, 1, 1])]))
    expect((await refusal(many)).reason).toContain('9 dimensions')
    const typed = encodeGguf(plan([tensor('w', [4, 4])]))
    typed.writeUInt32LE(4, typed.lastIndexOf('w') + 1 + 4 + 16)
    expect((await refusal(typed)).reason).toContain('type 4 is unknown')
    const split = encodeGguf(plan([tensor('w', [2, 32], 'Q4_0')]))
    expect((await refusal(patchAfter(split, 'w', 4, 48n))).reason).toContain('blocks of 32')
  })

  test('gguf refusals: data that overlaps, is not aligned or ends after the file', async () => {
    const two = () => encodeGguf(plan([tensor('aa', [16]), tensor('bb', [16])]))
    const offsetAt = 4 + 8 + 4
    expect((await refusal(patchAfter(two(), 'bb', offsetAt, 32n))).reason).toContain('overlaps with tensor aa')
    expect((await refusal(patchAfter(two(), 'bb', offsetAt, 65n))).reason).toContain('multiple')
    expect((await refusal(patchAfter(two(), 'bb', offsetAt, 2n ** 40n))).reason).toContain('the file has')
    expect((await refusal(patchAfter(two(), 'bb', offsetAt, 2n ** 64n - 32n))).field).toBe('tensor bb')
    expect((await refusal(patchAfter(two(), 'bb', 4, 2n ** 40n))).reason).toContain('the file has')
    expect((await refusal(two().subarray(0, -1))).field).toBe('tensor bb')
  })

  test('gguf refusals: metadata of more bytes than are kept', async () => {
    const values = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`k${i}`, gguf.text('x'.repeat(200 * 1024))]),
    )
    expect((await refusal(encodeGguf(plan([], values)))).reason).toContain('4.00 MiB')
  })

  test('gguf refusals: arrays nested without end', async () => {
    // Each level: type array, one item.
    const level = Buffer.from([9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    const key = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('k'), Buffer.from([9, 0, 0, 0])])
    const rest = Buffer.concat([key, ...Array.from({ length: 10_000 }, () => level)])
    expect((await refusal(raw(0n, 1n, rest))).reason).toContain('nested')
  })

  test('gguf refusals: a model cut off at any byte', async () => {
    const bytes = tinyModel({ values: { ...baseValues(), ...spmValues([]) } })
    const end = bytes.length - 20
    for (let length = 0; length < end; length += length < 200 || length > end - 200 ? 1 : 13) {
      expect((await refusal(bytes.subarray(0, length))).offset, `cut at ${length}`).toBeLessThanOrEqual(length)
    }
  })
})
