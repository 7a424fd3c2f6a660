import { describe, expect, test } from 'vitest'
import { MiB } from '#protocol/units.ts'
import { openFileSource } from './file-source.ts'
import { encodeGguf, type GgufValue, gguf } from './gguf/write.ts'
import { readModelHeader } from './header.ts'
import {
  baseValues,
  bundledModels,
  byteTokens,
  extraModels,
  memorySource,
  spmValues,
  tensor,
  tinyModel,
  tinyPlan,
} from './test-files.ts'
import type { ModelHeader } from './types.ts'

const read = (...files: Uint8Array[]) =>
  readModelHeader(files.map((bytes, index) => memorySource(bytes, `part ${index}`)))

async function readFile(path: string): Promise<ModelHeader> {
  const source = await openFileSource(path)
  try {
    return await readModelHeader([source])
  } finally {
    await source.close()
  }
}

const unrunnable = async (values: Record<string, GgufValue>) =>
  (await read(encodeGguf({ values: { ...baseValues(), ...values }, tensors: [] }))).unrunnable

describe('model header', () => {
  test('model header: says what the file is, and every byte belongs to one extent', async () => {
    const header = await read(tinyModel())
    expect(header).toMatchObject({ format: 'gguf', formatVersion: 3, architecture: 'llama', tokenizer: 'llama' })
    expect(header.licence).toBe('MIT')
    expect(header.unrunnable).toBeUndefined()
    expect(header.parameterCount).toBe(261 * 8 + 8 + 64 + 24 + 3)
    const kinds = header.files[0]!.extents.map(({ kind, name }) => name ?? kind)
    expect(kinds.filter((name) => name !== 'gap')).toEqual(['header', ...tinyPlan.tensors.map(({ name }) => name)])
    // Three F32 numbers are 12 bytes of an alignment of 32.
    expect(header.files[0]!.extents.at(-1)).toMatchObject({ kind: 'gap', sizeBytes: 20 })
    expect(header.files[0]!.extents.find(({ name }) => name === 'blk.0.ffn_up.weight')?.shape).toEqual([3, 8])
  })

  test('model header: the bundled models are read as what they are', async () => {
    for (const path of bundledModels) {
      const header = await readFile(path)
      expect(header, path).toMatchObject({
        architecture: 'llama',
        name: 'Hartling',
        licence: 'LicenseRef-Hartonomous',
        tokenizer: 'llama',
        contextTokens: 512,
        parameterCount: 1_443_456,
      })
      expect(header.unrunnable, path).toBeUndefined()
      expect(header.chatTemplate, path).toContain('bos_token')
      expect(header.components.filter(({ kind }) => kind === 'attention').length, path).toBe(6)
      expect(header.components.reduce((sum, each) => sum + each.sizeBytes, 0)).toBe(header.files[0]!.sizeBytes)
    }
  })

  test('model header: files of other origins', async () => {
    for (const path of extraModels()) {
      if (path.endsWith('corrupt-crlf.gguf')) {
        await expect(readFile(path)).rejects.toMatchObject({
          code: 'ERR_MODEL_FILE',
          fields: { field: 'metadata key 9' },
        })
        continue
      }
      const header = await readFile(path)
      const reason = path.endsWith('bad-spm-nobytes.gguf') ? /lacks \d+ of 256 byte tokens/ : /^$/
      expect(header.unrunnable ?? '', path).toMatch(reason)
      if (path.includes('moe4x2')) {
        const experts = header.components.filter(({ kind }) => kind === 'expert')
        expect(experts.map(({ key, meta }) => [key, meta['expertCount']])[0]).toEqual(['blk.0.experts', 4])
        expect(header.components.filter(({ kind }) => kind === 'router').length).toBe(5)
      }
      if (path.includes('deci')) {
        expect(header.meta['deci.feed_forward_length']).toEqual([64, 96, 128, 160, 192])
        expect(header.components.filter(({ kind }) => kind === 'ffn').map((each) => each.parameterCount)).toEqual(
          [64, 96, 128, 160, 192].map((ffn) => ffn * 96 * 3),
        )
      }
    }
  })

  test('model header: a missing architecture is an error, a hostile one too', async () => {
    await expect(read(encodeGguf({ values: {}, tensors: [] }))).rejects.toMatchObject({
      fields: { field: 'general.architecture', reason: 'it is missing' },
    })
    const values = { 'general.architecture': gguf.text('../../etc') }
    await expect(read(encodeGguf({ values, tensors: [] }))).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
  })

  test('model header: keys that are special in JavaScript stay keys', async () => {
    const values = { ...baseValues(), ['__proto__x']: gguf.u32(1), constructor: gguf.u32(2) }
    const bytes = encodeGguf({ values, tensors: [] })
    bytes.write('__proto__\u0001', bytes.lastIndexOf('__proto__x'))
    // The letter after `__proto__` became a control character: not a printable key.
    await expect(read(bytes)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
    const header = await read(encodeGguf({ values: { ...baseValues(), constructor: gguf.u32(2) }, tensors: [] }))
    expect(header.meta['constructor']).toBe(2)
    expect(Object.getPrototypeOf(header.meta)).toBe(Object.prototype)
  })
})

describe('models that llama.cpp does not survive', () => {
  test('unrunnable: a SentencePiece vocabulary without all byte tokens', async () => {
    expect(await unrunnable(spmValues())).toBeUndefined()
    const tokens = ['<unk>', '<s>', '</s>', ...byteTokens().filter((text) => text !== '<0x41>')]
    const values = { 'tokenizer.ggml.model': gguf.text('llama') }
    expect(await unrunnable({ ...values, 'tokenizer.ggml.tokens': gguf.array('string', tokens) })).toContain('lacks 1 ')
    // A token of just that byte does as well.
    expect(
      await unrunnable({ ...values, 'tokenizer.ggml.tokens': gguf.array('string', [...tokens, 'A']) }),
    ).toBeUndefined()
    const other = { 'tokenizer.ggml.model': gguf.text('t5') }
    expect(await unrunnable({ ...other, 'tokenizer.ggml.tokens': gguf.array('string', tokens) })).toBeUndefined()
  })

  test('unrunnable: two tokens of one text, byte tokens without digits, arrays that disagree', async () => {
    expect(await unrunnable(spmValues(['a', 'b', 'a']))).toContain('token 261 twice')
    const spm = spmValues(['x'])
    const types = Array.from({ length: 260 }, () => 6)
    expect(await unrunnable({ ...spm, 'tokenizer.ggml.token_type': gguf.array('i32', types) })).toContain('token 259')
    expect(await unrunnable({ ...spm, 'tokenizer.ggml.scores': gguf.array('f32', [1]) })).toContain('1 items for 260')
    expect(await unrunnable({ ...spm, 'tokenizer.ggml.token_type': gguf.array('i32', [1]) })).toContain('1 items for')
    expect(await unrunnable({ ...spm, 'tokenizer.ggml.scores': gguf.array('u8', [1]) })).toContain('not f32')
    expect(await unrunnable({ ...spm, 'tokenizer.ggml.tokens': gguf.text('x') })).toContain('no array')
    expect(await unrunnable({ ...spm, 'tokenizer.ggml.merges': gguf.array('u8', [1]) })).toContain('not string')
  })

  test('unrunnable: more blocks or experts than its fixed arrays hold', async () => {
    expect(await unrunnable({ 'llama.block_count': gguf.u32(512) })).toBeUndefined()
    expect(await unrunnable({ 'llama.block_count': gguf.u32(513) })).toContain('513 blocks')
    const experts = (count: number, used: number) => ({
      'llama.expert_count': gguf.u32(count),
      'llama.expert_used_count': gguf.u32(used),
    })
    expect(await unrunnable(experts(8, 2))).toBeUndefined()
    expect(await unrunnable(experts(8, 9))).toContain('9 of 8')
    expect(await unrunnable(experts(8, 0))).toContain('0 of 8')
    expect(await unrunnable(experts(0, 2))).toContain('2 of 0')
    expect(await unrunnable(experts(4096, 2))).toContain('4096 experts')
    expect(await unrunnable({ ...experts(8, 2), 'llama.expert_group_count': gguf.u32(3) })).toContain('3 groups')
  })

  test('unrunnable: a vocabulary too large to be compared is not read into memory', async () => {
    const count = 1024 * 1024 + 1
    const values = {
      'tokenizer.ggml.model': gguf.text('gpt2'),
      'tokenizer.ggml.tokens': gguf.array(
        'string',
        Array.from({ length: count }, () => ''),
      ),
    }
    const bytes = encodeGguf({ values: { ...baseValues(), ...values }, tensors: [] })
    expect(bytes.length).toBeGreaterThan(8 * MiB)
    expect((await read(bytes)).unrunnable).toContain('too large')
  })
})

describe('split models', () => {
  const part = (no: number, count: number, names: string[], values: Record<string, GgufValue> = {}) =>
    encodeGguf({
      values: {
        ...(no === 0 ? baseValues() : {}),
        'split.no': { type: 'u16', value: no },
        'split.count': { type: 'u16', value: count },
        'split.tensors.count': { type: 'i32', value: 3 },
        ...values,
      },
      tensors: names.map((name) => tensor(name, [8])),
    })

  test('split models: the parts are one model', async () => {
    const header = await read(part(0, 2, ['token_embd.weight']), part(1, 2, ['blk.0.attn_q.weight', 'output.weight']))
    expect(header.files.length).toBe(2)
    const extents = header.components.flatMap((component) => component.extents)
    expect(header.components.find(({ key }) => key === 'blk.0.attention')?.extents[0]?.[0]).toBe(1)
    expect(extents.length).toBe(header.files.reduce((sum, file) => sum + file.extents.length, 0))
    expect(header.parameterCount).toBe(24)
  })

  test('split models: missing, exchanged, foreign and contradicting parts are refused', async () => {
    const a = part(0, 2, ['a'])
    const b = part(1, 2, ['b', 'c'])
    await expect(read(a)).rejects.toMatchObject({ fields: { field: 'split.count' } })
    await expect(read(b, a)).rejects.toMatchObject({ fields: { field: 'split.no' } })
    await expect(read(a, part(1, 3, ['b', 'c']))).rejects.toMatchObject({ fields: { field: 'split.count' } })
    await expect(read(a, part(1, 2, ['b']))).rejects.toMatchObject({ fields: { field: 'split.tensors.count' } })
    await expect(read(a, part(1, 2, ['a', 'c']))).rejects.toMatchObject({ fields: { field: 'tensor a' } })
    await expect(read(tinyModel(), tinyModel())).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
    await expect(readModelHeader([])).rejects.toMatchObject({ code: 'ERR_LIMIT' })
  })
})
