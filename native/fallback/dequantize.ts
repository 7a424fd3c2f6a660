/** Decodes tensors of every type in `blockLayouts`. */
import { checkBlocks } from './arguments.ts'
import {
  type DecodeBlock,
  decodeIq4Nl,
  decodeMxfp4,
  decodeQ40,
  decodeQ41,
  decodeQ50,
  decodeQ51,
  decodeQ80,
} from './blocks-of-32.ts'
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from './blocks-of-256.ts'
import { halfTable } from './half.ts'

const decoders: Readonly<Record<string, DecodeBlock>> = {
  Q4_0: decodeQ40,
  Q4_1: decodeQ41,
  Q5_0: decodeQ50,
  Q5_1: decodeQ51,
  Q8_0: decodeQ80,
  Q2_K: decodeQ2K,
  Q3_K: decodeQ3K,
  Q4_K: decodeQ4K,
  Q5_K: decodeQ5K,
  Q6_K: decodeQ6K,
  IQ4_NL: decodeIq4Nl,
  MXFP4: decodeMxfp4,
}

const canonicalNan = 0x7fc00000

/** See `NativeBinding.dequantize`. */
export function dequantize(typeId: number, source: Uint8Array, target: Float32Array): void {
  const { layout, blocks } = checkBlocks(typeId, source, target)
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length)
  if (layout.name === 'F32') new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(source)
  else if (layout.name === 'BF16') widenBf16(source, words)
  else if (layout.name === 'F16') widenF16(source, words)
  else {
    const decode = decoders[layout.name]!
    for (let block = 0; block < blocks; block++) {
      const to = block * layout.blockElements
      if (decode(source, block * layout.blockBytes, target, to)) settleNans(target, words, to, layout.blockElements)
    }
  }
}

function widenBf16(source: Uint8Array, words: Uint32Array): void {
  for (let i = 0; i < words.length; i++) words[i] = (source[2 * i]! << 16) | (source[2 * i + 1]! << 24)
}

function widenF16(source: Uint8Array, words: Uint32Array): void {
  // As bits: a float that passes through a register may come out with other bits of its NaN.
  const table = new Uint32Array(halfTable().buffer)
  for (let i = 0; i < words.length; i++) words[i] = table[source[2 * i]! | (source[2 * i + 1]! << 8)]!
}

function settleNans(target: Float32Array, words: Uint32Array, from: number, count: number): void {
  for (let i = from; i < from + count; i++) if (Number.isNaN(target[i]!)) words[i] = canonicalNan
}
