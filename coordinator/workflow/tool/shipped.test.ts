import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFolderBytesMax } from '#protocol/limits.ts'
import { testHost } from '../host.fixture.ts'
import { shippedTools } from './shipped.ts'
import { partsOf } from './split-text.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hart-folder-'))
  await mkdir(join(root, 'open/below'), { recursive: true })
  await mkdir(join(root, 'open-not'))
  await mkdir(join(root, 'open/large'))
  await writeFile(join(root, 'open/b.txt'), 'B ä')
  await writeFile(join(root, 'open/a.MD'), 'A')
  await writeFile(join(root, 'open/c.json'), '{}')
  await writeFile(join(root, 'open-not/secret.txt'), 'secret')
  await writeFile(join(root, 'open/below/d.txt'), 'D')
  await writeFile(join(root, 'open/large/1.txt'), 'x'.repeat(readFolderBytesMax))
  await writeFile(join(root, 'open/large/2.txt'), 'x')
  await symlink(join(root, 'open-not/secret.txt'), join(root, 'open/link.txt'))
  await symlink(join(root, 'open-not'), join(root, 'open/out'))
})
afterAll(() => rm(root, { recursive: true }))

const call = (name: string, args: unknown, key = 'job/step') =>
  shippedTools({ folders: [join(root, 'open')] })
    .get(name)!
    .run(args, { signal: new AbortController().signal, key, step: 'step', host: testHost(() => '') })
const code = (name: string) => expect.objectContaining({ code: name })

test.each(['now', 'split-text', 'join-text', 'parse-json', 'read-folder', 'dice'])(
  'tools: %s refuses arguments that it does not know, and says which',
  async (name) => {
    await expect(call(name, { nothing: 1 })).rejects.toEqual(code('ERR_USAGE'))
    await expect(call(name, 'text')).rejects.toThrow(`${name}: args`)
  },
)

test('tools: now is a time', async () => {
  expect(await call('now', {})).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('tools: split-text ends parts with sentences, and numbers them within each text', async () => {
  const text = 'The cat sat. It slept! Did it dream? Dr. No paid 3.50 for it. '
  expect(partsOf(text.repeat(2), 64)).toEqual([text, text])
  const parts = await call('split-text', {
    text: [
      { name: 'a', text: text.repeat(2) },
      { name: 'b', text },
    ],
    sizeBytes: 64,
  })
  expect(parts).toEqual([
    { name: 'a', part: 1, text },
    { name: 'a', part: 2, text },
    { name: 'b', part: 1, text },
  ])
  expect(await call('split-text', { text: '' })).toEqual([])
})

test('tools: split-text loses nothing, and no part is too large, whatever the text', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('. ', '! ', '\n\n', 'a'.repeat(99), '\u{1f469}\u200d\u{1f680}', 'e\u0301', ' '),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 64, max: 300 }), (pieces, size) => {
      const text = pieces.join('')
      const parts = partsOf(text, size)
      expect(parts.join('')).toBe(text)
      expect(parts.filter((part) => part === '' || Buffer.byteLength(part) > size)).toEqual([])
    }),
  )
})

test('tools: join-text joins what is there, and keeps the end of it by whole words', async () => {
  expect(await call('join-text', { texts: ['a', null, '', 1, { b: 2 }], separator: ' ' })).toBe('a 1 {"b":2}')
  expect(await call('join-text', { texts: ['one two', 'three'], keepLastBytes: 11 })).toBe('two\n\nthree')
  expect(await call('join-text', { texts: ['one two', 'three'], keepLastBytes: 10 })).toBe('two\n\nthree')
  expect(await call('join-text', { texts: ['one two', 'three'], keepLastBytes: 9 })).toBe('\nthree')
  expect(await call('join-text', { texts: ['ääää'], keepLastBytes: 5 })).toBe('ää')
  expect(await call('join-text', { texts: ['short'], keepLastBytes: 5 })).toBe('short')
})

test.each([
  ['{"a":[1]}', { a: [1] }],
  ['Here you are:\n```json\n{"a": "[[["}\n```\nDone.', { a: '[[[' }],
  ['```\n[]\n```', []],
])('tools: parse-json reads %j', async (text, value) => {
  expect(await call('parse-json', { text })).toEqual(value)
})

test.each([
  ['a missing value', '{"a":}', 0, `"{"a":}"`],
  ['chatter', 'Sure! {}', 0, 'Sure!'],
  ['an open end', '{"a":1', 6, 'position 6'],
  ['brackets without end', '['.repeat(100_000), 32, 'nested deeper than 32'],
])('tools: parse-json refuses %s and says where', async (_, text, offset, reason) => {
  await expect(call('parse-json', { text })).rejects.toMatchObject({
    code: 'ERR_DECODE',
    fields: { what: 'the text', offset, reason: expect.stringContaining(reason) },
  })
})

test('tools: read-folder gives the texts of the folder in order, and follows no link', async () => {
  expect(await call('read-folder', { folder: join(root, 'open') })).toEqual([
    { name: 'a.MD', text: 'A' },
    { name: 'b.txt', text: 'B ä' },
  ])
  expect(await call('read-folder', { folder: join(root, 'open/below/../below') })).toEqual([
    { name: 'd.txt', text: 'D' },
  ])
  expect(await call('read-folder', { folder: join(root, 'open'), extensions: ['.json'] })).toHaveLength(1)
})

test.each(['', '/..', '/open-not', '/open/..', '/open/out', '/open/../open-not', '/missing'])(
  'tools: read-folder does not leave what is open by %s',
  async (way) => {
    await expect(call('read-folder', { folder: `${root}${way}` })).rejects.toEqual(code('ERR_FORBIDDEN'))
  },
)

test('tools: read-folder refuses more bytes than a value holds, and what is no text', async () => {
  await expect(call('read-folder', { folder: join(root, 'open/large') })).rejects.toEqual(code('ERR_LIMIT'))
  await writeFile(join(root, 'open/below/bad.txt'), Buffer.from([0xff, 0xfe]))
  await expect(call('read-folder', { folder: join(root, 'open/below') })).rejects.toMatchObject({
    code: 'ERR_DECODE',
    fields: { what: 'bad.txt' },
  })
})

test('tools: dice roll the same for the same step, other numbers for others, and every side about as often', async () => {
  const roll = async (key: string, args: object = { count: 100, sides: 6 }) =>
    (await call('dice', args, key)) as { rolls: number[]; total: number; text: string }
  expect(await roll('a/1')).toEqual(await roll('a/1'))
  expect((await roll('a/1')).rolls).not.toEqual((await roll('a/2')).rolls)
  const counts = Array<number>(6).fill(0)
  for (let job = 0; job < 60; job++) for (const side of (await roll(`job${job}`)).rolls) counts[side - 1]! += 1
  // 1,000 of each are expected; the standard deviation is 29, and the seeds are fixed.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  const { rolls, total, text } = await roll('x', { count: 2, sides: 6, bonus: -1 })
  expect(total).toBe(rolls[0]! + rolls[1]! - 1)
  expect(text).toBe(`2d6: ${rolls[0]} + ${rolls[1]} - 1 = ${total}`)
})
