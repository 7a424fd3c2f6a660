/**
 * Which component a tensor belongs to, by its name. Names of llama.cpp (`blk.3.attn_q.weight`), of Hugging Face
 * (`model.layers.3.self_attn.q_proj.weight`) and of GPT-2 (`transformer.h.3.attn.c_attn.weight`) are known; anything else
 * is grouped by its block.
 */
import type { ComponentKind } from '#protocol/query/message.ts'

export interface ComponentName {
  key: string
  kind: ComponentKind
  /** Blocks of one stack follow one another; an encoder and a decoder are two stacks. */
  stack?: string
  layer?: number
  expert?: number
  /** The tensor holds all experts of its layer; their number is its slowest dimension. */
  isMerged?: boolean
}

const blockPattern = /^(?:(.*?)\.)?(?:blk|blocks?|layers?|h)\.(\d{1,6})\.(.+)$/s
/** Wrappers around the only stack of a model: they say nothing. */
const plainStacks = new Set(['', 'model', 'transformer', 'gpt_neox', 'language_model.model', 'model.language_model'])

const separateExpert = /^(?:ffn_(?:gate|up|down)\.(\d{1,6})\.|(?:[\w.]*\.)?experts\.(\d{1,6})\.)/
const mergedExperts = /^(?:ffn_\w+_(?:ch)?exps\b|(?:[\w.]*\.)?experts\.)/
const router = /^(?:ffn_gate_inp|exp_probs_b|(?:mlp|block_sparse_moe|feed_forward)\.(?:gate|router)\.)/
const innerAttentionNorm = /^(?:attn_(?:q|k|v|q_a|kv_a|sub|o)_norm|self_attn\.\w*norm)/
const innerFfnNorm = /^ffn_(?:sub|gate|act)_norm/
const norm = /norm|^ln_|layernorm/
const attention = /^(?:attn|self_attn|cross_attn|attention|self_attention|rope_|inter_attention)/
const ffn = /^(?:ffn|mlp|feed_forward|moe|block_sparse_moe|channel_mix|fc\d|dense_)/

const embedding =
  /^(?:token_embd|position_embd|token_types|per_layer_token_embd|(?:[\w.]*\.)?(?:embed_tokens|wte|wpe|word_embeddings|embed_in|tok_embeddings))\b/
const head = /^(?:output|lm_head|embed_out|cls|cls\.output)\./
const outputNorm = /^(?:output_norm|norm|ln_f|(?:model|transformer|gpt_neox)\.(?:norm|ln_f|final_layer_norm))\b/
const embeddingNorm = /^(?:token_embd_norm|embd_norm)\b/

export function componentName(tensor: string): ComponentName {
  const match = blockPattern.exec(tensor)
  if (!match) return globalName(tensor)
  const stack = plainStacks.has(match[1] ?? '') ? '' : match[1]!
  const layer = Number(match[2])
  const prefix = `${stack === '' ? '' : `${stack}.`}blk.${layer}`
  return { ...inBlock(prefix, match[3]!), stack, layer }
}

function globalName(tensor: string): ComponentName {
  if (embeddingNorm.test(tensor) || embedding.test(tensor)) return { key: 'embedding', kind: 'embedding' }
  if (head.test(tensor)) return { key: 'head', kind: 'head' }
  if (outputNorm.test(tensor)) return { key: 'output_norm', kind: 'norm' }
  return { key: 'other', kind: 'other' }
}

function inBlock(prefix: string, name: string): ComponentName {
  const expert = separateExpert.exec(name)
  if (expert) {
    const number = Number(expert[1] ?? expert[2])
    return { key: `${prefix}.expert.${number}`, kind: 'expert', expert: number }
  }
  if (mergedExperts.test(name)) return { key: `${prefix}.experts`, kind: 'expert', isMerged: true }
  if (router.test(name)) return { key: `${prefix}.router`, kind: 'router' }
  if (innerAttentionNorm.test(name)) return { key: `${prefix}.attention`, kind: 'attention' }
  if (innerFfnNorm.test(name)) return { key: `${prefix}.ffn`, kind: 'ffn' }
  if (norm.test(name)) return { key: `${prefix}.norm`, kind: 'norm' }
  if (attention.test(name)) return { key: `${prefix}.attention`, kind: 'attention' }
  if (ffn.test(name)) return { key: `${prefix}.ffn`, kind: 'ffn' }
  return { key: `${prefix}.other`, kind: 'other' }
}
