import { mkdtemp, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fallback } from '#native/fallback/index.ts'
import { blockLayouts, loadNative, sketchCosine } from '#native/index.ts'
import type { DiffView } from '#protocol/api/control.ts'
import { peekBlockElements } from '#protocol/limits.ts'
import { identityFromStat, identityText } from '../chunks/index.ts'
import { tensorTypeByName } from '../ingest/gguf/dtypes.ts'
import { encodeGguf, type GgufTensorPlan, gguf } from '../ingest/gguf/write.ts'
import { bundledModels } from '../ingest/test-files.ts'
import { diffModels, drawTensor, encodePng, openModelFile, peekInThread, showTensor } from './index.ts'

const native = loadNative().binding
const [f16, q8] = bundledModels as [string, string]
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-peek-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function f32(name: string, shape: number[], values: ArrayLike<number>): GgufTensorPlan {
  return { name, dtype: 'F32', shape, data: () => [new Uint8Array(Float32Array.from(values).buffer)] }
}

async function modelFile(name: string, tensors: GgufTensorPlan[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, encodeGguf({ values: { 'general.architecture': gguf.text('llama') }, tensors }))
  return path
}

test('peek: rows of a tensor are the numbers that were written', async () => {
  const path = await modelFile('rows.gguf', [
    f32('blk.0.attn_q.weight', [4, 3], [0, 1, 2, 3, 4, 5, 6, 7, Infinity, 9, 10, 11]),
  ])
  const model = await openModelFile(path)
  const view = await showTensor(native, model, 'blk.0.attn_q.weight', { rows: { first: 1, last: 2 } })
  expect(view).toMatchObject({
    dtype: 'F32',
    shape: [4, 3],
    component: 'blk.0.attention',
    rows: {
      first: 1,
      values: [
        [3, 4, 5],
        [6, 7, null],
      ],
    },
  })
  const missing = showTensor(native, model, 'blk.0.attn_q.weight', { rows: { first: 2, last: 4 } })
  await expect(missing).rejects.toMatchObject({ code: 'ERR_USAGE', message: expect.stringContaining('rows 0-3') })
  await expect(showTensor(native, model, 'nothing')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})

test('peek: every type that the native room decodes has the block that GGUF gives it', () => {
  for (const { id, name, blockElements, blockBytes } of blockLayouts)
    expect(tensorTypeByName(name)).toEqual({ id, name, blockElements, blockBytes })
})

test('peek: rows and figures of the bundled model are the same bits from both implementations', async () => {
  const model = await openModelFile(q8)
  for (const { name } of model.tensors.slice(0, 4)) {
    const options = { rows: { first: 0, last: 0 }, stats: true }
    expect(await showTensor(native, model, name, options)).toEqual(await showTensor(fallback, model, name, options))
  }
})

test('peek: a tensor larger than a block is read in parts, and the figures are those of the whole', async () => {
  const rows = (3 * peekBlockElements) / 1024 + 1
  const values = Float32Array.from({ length: rows * 1024 }, (_, i) => ((i * 2654435761) % 1000) / 1000 - 0.5)
  const path = await modelFile('large.gguf', [f32('token_embd.weight', [rows, 1024], values)])
  const { stats } = await showTensor(native, await openModelFile(path), 'token_embd.weight', { stats: true })
  expect(stats).toMatchObject({ count: values.length, min: Math.min(...values.subarray(0, 1000)), nonFinite: 0 })
  expect(stats!.histogram.counts.reduce((sum, count) => sum + count)).toBe(values.length)
  expect(stats!.l1).toBeCloseTo(
    values.reduce((sum, value) => sum + Math.abs(value), 0),
    3,
  )
  expect(stats!.spectrum!.values[0]).toBeGreaterThan(stats!.spectrum!.values[1]!)
})

test('peek: a vector of one value and an empty tensor have figures too', async () => {
  const path = await modelFile('odd.gguf', [f32('a.weight', [5], [2, 2, 2, 2, 2]), f32('b.weight', [3, 0], [])])
  const model = await openModelFile(path)
  const { stats } = await showTensor(native, model, 'a.weight', { stats: true })
  expect(stats).toMatchObject({ mean: 2, deviation: 0, kurtosis: 1, min: 2, max: 2, grid: { rows: 1, columns: 5 } })
  expect(stats!.histogram.counts.slice(0, 2)).toEqual([5, 0])
  expect((await showTensor(native, model, 'b.weight', { stats: true })).stats).toMatchObject({ count: 0, l2: 0 })
})

test('peek: what is not held, not decodable, cut off, changed, or no tensor of its size is told as such', async () => {
  const path = await modelFile('hostile.gguf', [f32('blk.0.ffn_up.weight', [8, 64], new Float32Array(512))])
  const model = await openModelFile(path)
  const [tensor] = model.tensors as [(typeof model.tensors)[0]]
  const withTensor = (change: object) => ({ ...model, tensors: [{ ...tensor, ...change }] })
  const show = (from: typeof model) => showTensor(native, from, tensor.name, { stats: true })
  await expect(show(withTensor({ isHeld: false }))).rejects.toMatchObject({
    code: 'ERR_NOT_HELD',
    message: expect.stringContaining('hart pull hostile.gguf --components blk.0.ffn'),
  })
  await expect(show(withTensor({ dtype: 'IQ2_XXS' }))).rejects.toMatchObject({ code: 'ERR_TENSOR_TYPE' })
  for (const shape of [[2 ** 40, 2 ** 40], [8, 63], [8.5, 64], [], [-8, -64], [Number.NaN]])
    await expect(show(withTensor({ shape }))).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
  await expect(show(withTensor({ dtype: 'Q8_0' }))).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
  await expect(show(withTensor({ offsetBytes: 2 ** 50 }))).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })

  const stats = await stat(path, { bigint: true })
  const watched = { ...model, files: [{ path, identity: identityText(identityFromStat(stats)) }] }
  expect((await show(watched)).stats?.count).toBe(512)
  await utimes(path, 1, 1)
  await expect(show(watched)).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
  await truncate(path, tensor.offsetBytes + 100)
  await expect(show(model)).rejects.toMatchObject({
    code: 'ERR_MODEL_FILE',
    message: expect.stringContaining('ends here'),
  })
})

test('peek: a diff tells what changed, by how much, what came and what went', async () => {
  const base = Float32Array.from({ length: 64 }, (_, i) => i + 1)
  const a = await modelFile('a.gguf', [
    f32('blk.0.attn_q.weight', [8, 8], base),
    f32('blk.0.ffn_up.weight', [8, 8], base),
    f32('blk.1.ffn_up.weight', [8, 8], base),
    f32('output_norm.weight', [64], base),
  ])
  const b = await modelFile('b.gguf', [
    f32('blk.0.attn_q.weight', [8, 8], base),
    f32(
      'blk.0.ffn_up.weight',
      [8, 8],
      base.map((value) => value * 1.5),
    ),
    f32('output_norm.weight', [32], base.subarray(0, 32)),
    f32('blk.2.ffn_up.weight', [8, 8], base),
  ])
  const view = await diffModels(native, await openModelFile(a), await openModelFile(b))
  const byKey = Object.fromEntries(view.components.map((component) => [component.key, component]))
  expect(Object.fromEntries(view.components.map(({ key, status }) => [key, status]))).toEqual({
    'blk.0.attention': 'identical',
    'blk.0.ffn': 'changed',
    'blk.1.ffn': 'removed',
    output_norm: 'reshaped',
    'blk.2.ffn': 'added',
  })
  expect(byKey['blk.0.ffn']).toMatchObject({ tensorsChanged: 1, maxAbsChange: 32, elementsChanged: 64 })
  expect(byKey['blk.0.ffn']!.relativeChange).toBeCloseTo(0.5, 12)
  expect(byKey['blk.0.ffn']!.cosine).toBeCloseTo(1, 12)
})

test('peek: a diff of hashed models reads only what has another hash, and says what it cannot know', async () => {
  const hashed = (path: string) =>
    openModelFile(path).then((model) => ({
      ...model,
      tensors: model.tensors.map((tensor) => ({ ...tensor, root: `${tensor.name} ${tensor.dtype}` })),
    }))
  const [a, b] = [await hashed(f16), await hashed(q8)]
  const same: DiffView = await diffModels(native, a, {
    ...a,
    tensors: a.tensors.map((each) => ({ ...each, isHeld: false })),
  })
  expect(same.readBytes).toBe(0)
  expect(new Set(same.components.map(({ status }) => status))).toEqual(new Set(['identical']))

  const rounded = await diffModels(native, a, b)
  const norms = rounded.components.filter(({ key }) => /norm/.test(key))
  expect(norms.length).toBeGreaterThan(3)
  expect(norms.every(({ status }) => status === 'identical')).toBe(true)
  const changed = rounded.components.filter(({ status }) => status === 'changed')
  expect(changed.length).toBeGreaterThan(10)
  for (const { relativeChange, cosine } of changed) {
    expect(relativeChange).toBeGreaterThan(0.001)
    expect(relativeChange).toBeLessThan(0.02)
    expect(cosine).toBeGreaterThan(0.9995)
  }
  const partial = { ...b, tensors: b.tensors.map((each) => ({ ...each, isHeld: !each.name.startsWith('blk.1.') })) }
  const view = await diffModels(native, a, partial)
  expect(view.components.find(({ key }) => key === 'blk.1.ffn')).toMatchObject({
    status: 'unknown',
    unknown: expect.stringContaining('hart pull'),
  })
})

test('peek: sketches of an original and its rounded copy are near, those of other tensors are not', async () => {
  const [a, b] = [await openModelFile(f16), await openModelFile(q8)]
  const sketch = async (model: typeof a, name: string) =>
    Float64Array.from((await showTensor(native, model, name, { stats: true })).stats!.sketch.values)
  const original = await sketch(a, 'blk.0.attn_q.weight')
  expect(sketchCosine(original, await sketch(b, 'blk.0.attn_q.weight'))).toBeGreaterThan(0.999)
  expect(Math.abs(sketchCosine(original, await sketch(a, 'blk.1.attn_q.weight')))).toBeLessThan(0.5)
})

test('peek: a picture is a PNG of the pixels that were drawn', async () => {
  const view = await showTensor(native, await openModelFile(f16), 'blk.0.attn_q.weight', { stats: true })
  const picture = drawTensor(view.stats!)
  const png = encodePng(picture)
  expect(png.subarray(1, 4).toString()).toBe('PNG')
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([picture.width, picture.height])
  const at = png.indexOf('IDAT')
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))
  expect(rows.length).toBe((picture.width + 1) * picture.height)
  expect(new Set(picture.pixels).size).toBeGreaterThan(10)
  expect(picture.pixels.reduce((a, b) => Math.max(a, b))).toBeLessThan(picture.palette.length)
})

test('peek: a thread of its own answers, passes errors on, and ends when nobody waits', async () => {
  const model = await openModelFile(f16)
  const task = { kind: 'show', model, tensor: 'output_norm.weight', options: { stats: true } } as const
  expect((await peekInThread(task, new AbortController().signal)).stats?.count).toBe(128)
  const wrong = peekInThread({ ...task, tensor: 'nothing' }, new AbortController().signal)
  await expect(wrong).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  const controller = new AbortController()
  const left = peekInThread({ kind: 'diff', a: model, b: model }, controller.signal)
  controller.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
})
