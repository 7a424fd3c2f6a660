import { expect, test } from 'vitest'
import { cidOf, rawCidOf } from './codec/cid.ts'
import {
  extentRootFromBytes,
  extentRootToBytes,
  parseExtentRoot,
  parseModelId,
  parsePeerId,
  shortId,
  tryParseModelId,
} from './ids.ts'

const withCode = (code: string) => expect.objectContaining({ code })
const modelId = cidOf(Uint8Array.of(0xa0))

test('model id: only a DAG-CBOR CIDv1 under sha2-256 in its one text form', () => {
  expect(parseModelId(modelId)).toBe(modelId)
  for (const text of ['', 'x', modelId.toUpperCase(), `${modelId} `, rawCidOf(Uint8Array.of(1)), 'a'.repeat(10_000)]) {
    expect(tryParseModelId(text), text.slice(0, 80)).toBeUndefined()
    expect(() => parseModelId(text)).toThrow(withCode('ERR_ID'))
  }
})

test('peer id: base58 of a fitting length', () => {
  const text = '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB'
  expect(parsePeerId(text)).toBe(text)
  for (const wrong of ['', 'short', text.replace('X', '0'), `${text}\n`, 'A'.repeat(65)])
    expect(() => parsePeerId(wrong), wrong).toThrow(withCode('ERR_ID'))
})

test('extent root: hexadecimal and bytes are one', () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, at) => at * 8)
  const root = extentRootFromBytes(bytes)
  expect(parseExtentRoot(root)).toBe(root)
  expect(new Uint8Array(extentRootToBytes(root))).toEqual(bytes)
  expect(() => parseExtentRoot(root.toUpperCase())).toThrow(withCode('ERR_ID'))
  expect(() => parseExtentRoot(`${root}\n`)).toThrow(withCode('ERR_ID'))
  expect(() => extentRootFromBytes(bytes.subarray(1))).toThrow(withCode('ERR_ID'))
})

test('short id: keeps the ends', () => {
  expect(shortId('12D3KooWA4Xop1JaT3MH')).toBe('12D3Ko…T3MH')
  expect(shortId('short')).toBe('short')
})
