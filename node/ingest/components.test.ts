import { expect, test } from 'vitest'
import type { ExtentLayout } from '#protocol/model/content.ts'
import { componentName } from './component-name.ts'
import { groupComponents } from './components.ts'

function layoutOf(names: string[], shape: number[] = [2, 2]): { extents: ExtentLayout[] }[] {
  const sizeBytes = shape.reduce((product, size) => product * size, 4)
  const header: ExtentLayout = { kind: 'header', offsetBytes: 0, sizeBytes: 100 }
  return [
    {
      extents: [
        header,
        ...names.map((name, index): ExtentLayout => {
          return { kind: 'tensor', name, dtype: 'F32', shape, offsetBytes: 100 + index * sizeBytes, sizeBytes }
        }),
        { kind: 'gap', offsetBytes: 100 + names.length * sizeBytes, sizeBytes: 8 },
      ],
    },
  ]
}

const edgesOf = (names: string[]) => groupComponents(layoutOf(names)).edges.map((edge) => Object.values(edge).join(' '))

test('components: names of llama.cpp, Hugging Face and GPT-2 lead to the same keys', () => {
  const expected: Record<string, string> = {
    'token_embd.weight': 'embedding embedding',
    'model.embed_tokens.weight': 'embedding embedding',
    'transformer.wte.weight': 'embedding embedding',
    'per_layer_token_embd.weight': 'embedding embedding',
    'output.weight': 'head head',
    'lm_head.weight': 'head head',
    'output_norm.weight': 'output_norm norm',
    'model.norm.weight': 'output_norm norm',
    'transformer.ln_f.bias': 'output_norm norm',
    'rope_freqs.weight': 'other other',
    'blk.3.attn_q.weight': 'blk.3.attention attention',
    'blk.3.attn_q_norm.weight': 'blk.3.attention attention',
    'blk.3.attn_kv_a_mqa.weight': 'blk.3.attention attention',
    'model.layers.3.self_attn.q_proj.weight': 'blk.3.attention attention',
    'transformer.h.3.attn.c_attn.weight': 'blk.3.attention attention',
    'blk.3.attn_norm.weight': 'blk.3.norm norm',
    'blk.3.post_ffw_norm.weight': 'blk.3.norm norm',
    'model.layers.3.input_layernorm.weight': 'blk.3.norm norm',
    'transformer.h.3.ln_1.weight': 'blk.3.norm norm',
    'blk.3.ffn_gate.weight': 'blk.3.ffn ffn',
    'blk.3.ffn_gate_shexp.weight': 'blk.3.ffn ffn',
    'model.layers.3.mlp.down_proj.weight': 'blk.3.ffn ffn',
    'blk.3.ffn_gate_inp.weight': 'blk.3.router router',
    'blk.3.exp_probs_b.bias': 'blk.3.router router',
    'model.layers.3.block_sparse_moe.gate.weight': 'blk.3.router router',
    'blk.3.ffn_down_exps.weight': 'blk.3.experts expert',
    'blk.3.ffn_gate_up_exps.weight': 'blk.3.experts expert',
    'blk.3.ffn_gate.7.weight': 'blk.3.expert.7 expert',
    'model.layers.3.block_sparse_moe.experts.7.w1.weight': 'blk.3.expert.7 expert',
    'blk.3.ssm_conv1d.weight': 'blk.3.other other',
    'enc.blk.3.attn_q.weight': 'enc.blk.3.attention attention',
    'v.blk.3.attn_q.weight': 'v.blk.3.attention attention',
    'something.else': 'other other',
    'blk.99999999.attn_q.weight': 'other other',
  }
  for (const [name, key] of Object.entries(expected)) {
    const actual = componentName(name)
    expect(`${actual.key} ${actual.kind}`, name).toBe(key)
  }
})

test('components: every extent belongs to exactly one, in order of the blocks', () => {
  const names = [
    'output.weight',
    'blk.10.attn_q.weight',
    'blk.2.ffn_up.weight',
    'blk.2.attn_q.weight',
    'token_embd.weight',
  ]
  const { components } = groupComponents(layoutOf(names))
  expect(components.map(({ key }) => key)).toEqual([
    'header',
    'embedding',
    'blk.2.attention',
    'blk.2.ffn',
    'blk.10.attention',
    'head',
  ])
  expect(components[0]).toMatchObject({
    extents: [
      [0, 0],
      [0, 6],
    ],
    sizeBytes: 108,
    parameterCount: 0,
  })
  expect(components.flatMap(({ extents }) => extents).length).toBe(7)
})

test('components: a merged expert tensor says how many experts it holds', () => {
  const { components } = groupComponents(layoutOf(['blk.0.ffn_up_exps.weight'], [64, 2, 2]))
  expect(components[1]).toMatchObject({ key: 'blk.0.experts', meta: { expertCount: 64, dtypes: ['F32'] } })
})

test('components: edges follow the order of execution', () => {
  const edges = edgesOf([
    'token_embd.weight',
    'blk.0.attn_norm.weight',
    'blk.0.attn_q.weight',
    'blk.0.ffn_up.weight',
    'blk.1.attn_q.weight',
    'blk.1.ffn_gate_inp.weight',
    'blk.1.ffn_up.0.weight',
    'blk.1.ffn_up.1.weight',
    'output_norm.weight',
    'output.weight',
  ])
  expect(edges.filter((edge) => edge.endsWith(' next'))).toEqual([
    'embedding blk.0.attention next',
    'blk.0.attention blk.0.ffn next',
    'blk.0.ffn blk.1.attention next',
    'blk.1.attention blk.1.router next',
    'blk.1.router output_norm next',
    'output_norm head next',
  ])
  expect(edges).toContain('blk.0.ffn blk.0.norm uses')
  expect(edges).toContain('blk.1.router blk.1.expert.1 contains')
  expect(edges).toContain('blk.1.expert.0 header uses')
})

test('components: a model without a head uses its embedding again', () => {
  expect(edgesOf(['token_embd.weight', 'output_norm.weight'])).toContain('output_norm embedding uses')
})

test('components: an unknown architecture is grouped by its blocks', () => {
  const { components } = groupComponents(
    layoutOf(['encoder.layers.0.zap', 'encoder.layers.0.zip', 'encoder.layers.1.zap']),
  )
  expect(components.map(({ key, layer }) => [key, layer])).toEqual([
    ['header', undefined],
    ['encoder.blk.0.other', 0],
    ['encoder.blk.1.other', 1],
  ])
})
