import { expect, test } from 'vitest'
import { isOpenIn, readOpen, toggled, treeRows, writeOpen } from './tree-rows.ts'

const part = (key: string, kind: string, layer?: number) => ({
  key,
  kind,
  sizeBytes: 10,
  holders: 1,
  ...(layer === undefined ? {} : { layer }),
})
const tensor = (name: string, component: string) => ({
  name,
  component,
  dtype: 'F16',
  shape: [2, 2],
  sizeBytes: 8,
  isHeld: false,
  isReadable: true,
})
const parts = [
  part('embedding', 'embedding'),
  part('blk.0.attention', 'attention', 0),
  part('blk.0.ffn', 'ffn', 0),
  part('blk.1.ffn', 'ffn', 1),
]
const tensors = [
  tensor('token_embd.weight', 'embedding'),
  tensor('blk.0.ffn_up.weight', 'blk.0.ffn'),
  tensor('blk.0.ffn_down.weight', 'blk.0.ffn'),
]
const rowsOf = (open: string, more: object = {}) => {
  const set = readOpen(open)
  return treeRows({ parts, tensors, isOpen: (id) => isOpenIn(set, id), ...more })
}
const ids = (rows: { id: string; level: number }[]) => rows.map(({ id, level }) => `${' '.repeat(level - 1)}${id}`)

test('tree: shows what is open, each row below what it belongs to', () => {
  expect(ids(rowsOf(''))).toEqual(['embedding', 'layer-0', 'layer-1'])
  expect(ids(rowsOf('layer-0 blk.0.ffn'))).toEqual([
    'embedding',
    'layer-0',
    ' blk.0.attention',
    ' blk.0.ffn',
    '  blk.0.ffn_up.weight',
    '  blk.0.ffn_down.weight',
    'layer-1',
  ])
  expect(ids(rowsOf('layers'))).toEqual([
    'embedding',
    'layer-0',
    ' blk.0.attention',
    ' blk.0.ffn',
    'layer-1',
    ' blk.1.ffn',
  ])
})

test('tree: a row without anything below it cannot be opened', () => {
  const [embedding, , attention, ffn] = rowsOf('layer-0')
  expect([embedding?.isOpen, attention?.isOpen, ffn?.isOpen]).toEqual([false, undefined, false])
  expect(rowsOf('embedding', { tensors: undefined })[0]?.isOpen).toBe(undefined)
})

test('tree: what is looked for is shown with what it stands in, whatever is open', () => {
  expect(ids(rowsOf('', { find: 'FFN_up' }))).toEqual(['layer-0', ' blk.0.ffn', '  blk.0.ffn_up.weight'])
  expect(ids(rowsOf('', { find: 'ffn' }))).toEqual(['layer-0', ' blk.0.ffn', 'layer-1', ' blk.1.ffn'])
  expect(ids(rowsOf('', { find: 'layer 1' }))).toEqual(['layer-1'])
  expect(rowsOf('', { find: 'nothing' })).toEqual([])
})

test('tree: opening and closing is kept as text, also when one of all layers is closed', () => {
  const flip = (open: string, id: string) => writeOpen(toggled(readOpen(open), id, [0, 1]))
  expect(flip('', 'layer-1')).toBe('layer-1')
  expect(flip('layer-1 embedding', 'layer-1')).toBe('embedding')
  expect(flip('layers', 'layer-0')).toBe('layer-1')
  expect(flip('layer-1', 'layer-1')).toBe(undefined)
})
