/** Small models and byte sources for the tests of this folder. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HartonomousError } from '#protocol/errors.ts'
import { encodeGguf, type GgufPlan, type GgufTensorPlan, type GgufValue, gguf } from './gguf/write.ts'
import type { ByteSource } from './types.ts'

/** Bytes in memory; `reads` counts what was asked for. */
export function memorySource(bytes: Uint8Array, name = 'model.gguf'): ByteSource & { readBytes: number } {
  const source = {
    name,
    sizeBytes: bytes.length,
    readBytes: 0,
    async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
      if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > bytes.length) {
        throw new HartonomousError('ERR_MODEL_FILE', {
          file: name,
          field: 'file',
          offset: offsetBytes,
          reason: 'past its end',
        })
      }
      source.readBytes += lengthBytes
      return bytes.subarray(offsetBytes, offsetBytes + lengthBytes)
    },
  }
  return source
}

export function byteTokens(): string[] {
  return Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
}

/** `<unk>`, `<s>`, `</s>`, the byte tokens, then `words`. */
export function spmValues(words: string[] = ['a', 'b']): Record<string, GgufValue> {
  const tokens = ['<unk>', '<s>', '</s>', ...byteTokens(), ...words]
  const types = tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1))
  return {
    'tokenizer.ggml.model': gguf.text('llama'),
    'tokenizer.ggml.tokens': gguf.array('string', tokens),
    'tokenizer.ggml.scores': gguf.array('f32', new Float32Array(tokens.length)),
    'tokenizer.ggml.token_type': gguf.array('i32', types),
  }
}

export function baseValues(architecture = 'llama'): Record<string, GgufValue> {
  return { 'general.architecture': gguf.text(architecture), 'general.license': gguf.text('MIT') }
}

/** F32 data that differs from tensor to tensor. */
export function tensor(name: string, shape: number[], dtype = 'F32'): GgufTensorPlan {
  return { name, dtype, shape }
}

export const tinyPlan: GgufPlan = {
  values: { ...baseValues(), ...spmValues() },
  tensors: [
    tensor('token_embd.weight', [261, 8]),
    tensor('blk.0.attn_norm.weight', [8]),
    tensor('blk.0.attn_q.weight', [8, 8]),
    tensor('blk.0.ffn_up.weight', [3, 8]),
    tensor('output_norm.weight', [3]),
  ],
}

export function tinyModel(change: Partial<GgufPlan> = {}): Buffer {
  return encodeGguf({ ...tinyPlan, ...change })
}

export const bundledModels = ['hartling-f16.gguf', 'hartling-q8_0.gguf'].map((name) =>
  fileURLToPath(new URL(`../../models/hartling/${name}`, import.meta.url)),
)

const extraFolder = fileURLToPath(new URL('../../../shared/models', import.meta.url))

/** Further models beside the repository, for extra cases; where they are absent, this is printed once. */
export function extraModels(): string[] {
  if (!existsSync(extraFolder)) {
    process.stderr.write('skipped: the extra cases with ../shared/models, the folder is absent\n')
    return []
  }
  return ['.', 'test'].flatMap((folder) => {
    const path = join(extraFolder, folder)
    if (!existsSync(path)) return []
    return readdirSync(path)
      .filter((file) => file.endsWith('.gguf'))
      .map((file) => join(path, file))
  })
}
