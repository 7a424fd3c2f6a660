/**
 * Random-weight llama models of any shape or size, the same bytes for the same seed: something to move and to time. They
 * load and run in llama.cpp; what they say means nothing.
 */
import { HartonomousError } from '#protocol/errors.ts'
import { MiB } from '#protocol/units.ts'
import { tensorBytes, tensorTypeByName } from './dtypes.ts'
import { type GgufPlan, type GgufTensorPlan, type GgufValue, gguf, ggufHeader, writeGguf } from './write.ts'

export interface LlamaShape {
  width: number
  layers: number
  heads: number
  kvHeads: number
  ffnWidth: number
  vocabulary: number
  contextTokens: number
}

/** 134 M parameters: what the inference benchmark runs. */
export const s110Shape: LlamaShape = {
  width: 768,
  layers: 12,
  heads: 12,
  kvHeads: 12,
  ffnWidth: 2048,
  vocabulary: 32_000,
  contextTokens: 2048,
}

export interface GenerateOptions {
  path: string
  /** Either a shape, or about how many bytes the file should have (at least 1 MiB; within 1 %). */
  shape?: LlamaShape
  sizeBytes?: number
  dtype?: GeneratedType
  seed?: number
  /** Of `general.name`. */
  name?: string
  licence?: string
  signal?: AbortSignal
  onProgress?: (doneBytes: number, totalBytes: number) => void
}

export type GeneratedType = 'F32' | 'F16' | 'Q8_0' | 'Q4_0'

/** @throws {ERR_USAGE} {ERR_IO} {ERR_DISK_FULL} */
export async function generateModel(
  options: GenerateOptions,
): Promise<{ path: string; sizeBytes: number; shape: LlamaShape }> {
  const dtype = options.dtype ?? 'Q8_0'
  const shape = options.shape ?? shapeForSize(options.sizeBytes ?? 256 * MiB, dtype)
  checkShape(shape)
  const plan = llamaPlan(shape, dtype, options)
  const sizeBytes = await writeGguf(options.path, plan, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  })
  return { path: options.path, sizeBytes, shape }
}

function checkShape(shape: LlamaShape): void {
  const headWidth = shape.width / shape.heads
  const isWhole = Number.isInteger(headWidth) && headWidth % 2 === 0 && shape.heads % shape.kvHeads === 0
  if (!isWhole || shape.width % 32 !== 0 || shape.ffnWidth % 32 !== 0 || shape.vocabulary < vocabularyMin) {
    throw new HartonomousError('ERR_USAGE', {
      message: `not a shape: widths must be multiples of 32 and of the heads, the vocabulary at least ${vocabularyMin}`,
    })
  }
}

/** Attention and feed-forward of one block have about this many weights per squared width. */
const weightsPerSquaredWidth = 12
const layersMin = 12
const layersMax = 512

/** The widest model of at least twelve blocks; then a wider feed-forward, then a larger vocabulary take up the rest. */
export function shapeForSize(sizeBytes: number, dtype: GeneratedType): LlamaShape {
  if (!(sizeBytes >= MiB && Number.isSafeInteger(sizeBytes))) {
    throw new HartonomousError('ERR_USAGE', { message: `a generated model has at least 1 MiB, not ${sizeBytes} bytes` })
  }
  const type = tensorTypeByName(dtype)!
  const blockBytes = (width: number) => weightsPerSquaredWidth * tensorBytes(type, width * width)
  const width = [4096, 2048, 1024, 512, 256, 128].find((each) => sizeBytes / blockBytes(each) >= layersMin) ?? 64
  const heads = width / 32
  let shape = { width, layers: 1, heads, kvHeads: heads, ffnWidth: 64, vocabulary: 512, contextTokens: 512 }
  const sizeOf = (change: Partial<LlamaShape>) => ggufHeader(llamaPlan({ ...shape, ...change }, dtype, {})).sizeBytes
  const grow = (key: 'layers' | 'ffnWidth' | 'vocabulary', step: number, max: number) => {
    const now = sizeOf({})
    const perStep = sizeOf({ [key]: shape[key] + step }) - now
    const steps = Math.max(0, Math.floor((sizeBytes - now) / perStep))
    shape = { ...shape, [key]: Math.min(max, shape[key] + steps * step) }
  }
  shape.ffnWidth = Math.ceil((width * 8) / 3 / 32) * 32
  grow('layers', 1, layersMax)
  grow('ffnWidth', 32, 1024 * 1024)
  grow('vocabulary', 32, 128_000)
  return shape
}

/** Deterministic from the seed: order of tensors, scales and weights. */
export function llamaPlan(
  shape: LlamaShape,
  dtype: GeneratedType,
  options: { seed?: number; name?: string; licence?: string },
): GgufPlan {
  const weights = new WeightPool(dtype, options.seed ?? 1)
  const { width, ffnWidth, vocabulary } = shape
  const kvWidth = (width / shape.heads) * shape.kvHeads
  const matrix = (name: string, rows: number, columns: number): GgufTensorPlan => ({
    name,
    dtype,
    shape: [rows, columns],
    data: () => weights.rows(name, rows, columns),
  })
  const ones = (name: string): GgufTensorPlan => ({ name, dtype: 'F32', shape: [width], data: () => [onesOf(width)] })
  const tensors = [matrix('token_embd.weight', vocabulary, width)]
  for (let layer = 0; layer < shape.layers; layer++) {
    const block = `blk.${layer}`
    tensors.push(
      ones(`${block}.attn_norm.weight`),
      matrix(`${block}.attn_q.weight`, width, width),
      matrix(`${block}.attn_k.weight`, kvWidth, width),
      matrix(`${block}.attn_v.weight`, kvWidth, width),
      matrix(`${block}.attn_output.weight`, width, width),
      ones(`${block}.ffn_norm.weight`),
      matrix(`${block}.ffn_gate.weight`, ffnWidth, width),
      matrix(`${block}.ffn_up.weight`, ffnWidth, width),
      matrix(`${block}.ffn_down.weight`, width, ffnWidth),
    )
  }
  tensors.push(ones('output_norm.weight'), matrix('output.weight', vocabulary, width))
  return { values: llamaValues(shape, options), tensors }
}

function llamaValues(shape: LlamaShape, options: { name?: string; licence?: string }): Record<string, GgufValue> {
  return {
    'general.architecture': gguf.text('llama'),
    'general.name': gguf.text(options.name ?? 'Generated'),
    'general.license': gguf.text(options.licence ?? 'CC0-1.0'),
    'llama.context_length': gguf.u32(shape.contextTokens),
    'llama.embedding_length': gguf.u32(shape.width),
    'llama.block_count': gguf.u32(shape.layers),
    'llama.feed_forward_length': gguf.u32(shape.ffnWidth),
    'llama.rope.dimension_count': gguf.u32(shape.width / shape.heads),
    'llama.attention.head_count': gguf.u32(shape.heads),
    'llama.attention.head_count_kv': gguf.u32(shape.kvHeads),
    'llama.attention.layer_norm_rms_epsilon': gguf.f32(1e-5),
    'llama.vocab_size': gguf.u32(shape.vocabulary),
    ...vocabularyValues(shape.vocabulary),
  }
}

/** `<unk>`, `<s>`, `</s>`, the 256 byte tokens, and at least one word. */
const vocabularyMin = 3 + 256 + 1

/** A SentencePiece vocabulary that any text can be cut into: bytes, then made-up words of growing length. */
function vocabularyValues(size: number): Record<string, GgufValue> {
  const tokens = ['<unk>', '<s>', '</s>']
  const types = [2, 3, 3]
  for (let byte = 0; byte < 256; byte++) {
    tokens.push(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
    types.push(6)
  }
  for (let i = 0; tokens.length < size; i++) {
    tokens.push(wordOf(i))
    types.push(1)
  }
  const scores = tokens.map((_, id) => (id < 259 ? 0 : 259 - id))
  return {
    'tokenizer.ggml.model': gguf.text('llama'),
    'tokenizer.ggml.pre': gguf.text('default'),
    'tokenizer.ggml.tokens': gguf.array('string', tokens),
    'tokenizer.ggml.scores': gguf.array('f32', scores),
    'tokenizer.ggml.token_type': gguf.array('i32', types),
    'tokenizer.ggml.bos_token_id': gguf.u32(1),
    'tokenizer.ggml.eos_token_id': gguf.u32(2),
    'tokenizer.ggml.unknown_token_id': gguf.u32(0),
    'tokenizer.ggml.add_bos_token': gguf.bool(true),
    'tokenizer.ggml.add_eos_token': gguf.bool(false),
  }
}

const letters = 'abcdefghijklmnopqrstuvwxyz'

/** 0 -> `▁`, then `a` to `z`, `▁a` to `▁z`, `aa`, `ab`, ...: each text once. `▁` (U+2581) stands for a space. */
function wordOf(index: number): string {
  if (index === 0) return '\u2581'
  if (index <= 26) return letters[index - 1]!
  if (index <= 52) return `\u2581${letters[index - 27]!}`
  let rest = index - 53
  let word = ''
  do {
    word = letters[rest % 26]! + word
    rest = Math.floor(rest / 26)
  } while (rest > 0)
  return word.length === 1 ? `${word}\u2581` : word
}

function onesOf(count: number): Uint8Array {
  return new Uint8Array(new Float32Array(count).fill(1).buffer)
}

const poolBytes = 2 * MiB
const pieceBytes = MiB / 2

/**
 * Weights are runs of one pool of encoded random blocks, from a start that depends on the tensor: making them is as fast
 * as copying. No two chunks of a model are alike, because each piece starts elsewhere and is varied by its own key.
 */
class WeightPool {
  readonly #dtype: GeneratedType
  readonly #seed: number
  readonly #pools = new Map<number, Buffer>()

  constructor(dtype: GeneratedType, seed: number) {
    this.#dtype = dtype
    this.#seed = seed
  }

  *rows(name: string, rows: number, columns: number): Generator<Uint8Array, undefined> {
    const type = tensorTypeByName(this.#dtype)!
    const totalBytes = tensorBytes(type, rows * columns)
    const pool = this.#poolFor(columns)
    const random = randomWords(this.#seed ^ hashText(name))
    const blocksPerPiece = Math.floor(pieceBytes / type.blockBytes)
    const poolBlocks = pool.length / type.blockBytes
    for (let done = 0; done < totalBytes; ) {
      const size = Math.min(blocksPerPiece * type.blockBytes, totalBytes - done)
      const from = (random() % (poolBlocks - blocksPerPiece)) * type.blockBytes
      const piece = Buffer.from(pool.subarray(from, from + size))
      vary(piece, this.#dtype, type.blockBytes, random())
      yield piece
      done += size
    }
    return undefined
  }

  /** Scaled by 1/sqrt(columns), as trained weights roughly are: activations stay in range. */
  #poolFor(columns: number): Buffer {
    let pool = this.#pools.get(columns)
    if (pool === undefined) {
      pool = encodePool(this.#dtype, 1 / Math.sqrt(columns), randomWords(this.#seed))
      this.#pools.set(columns, pool)
    }
    return pool
  }
}

/** Changes one low bit of a weight in every 4 KiB or so, where `key` says: equal runs of the pool become different chunks. */
function vary(piece: Buffer, dtype: GeneratedType, blockBytes: number, key: number): void {
  const weightOffset = dtype === 'Q8_0' || dtype === 'Q4_0' ? 2 : 0
  const stride = Math.ceil(4096 / blockBytes) * blockBytes
  for (let at = 0, bit = 0; at + weightOffset < piece.length; at += stride, bit++) {
    if ((key >>> (bit & 31)) & 1) piece[at + weightOffset]! ^= 1
  }
}

function encodePool(dtype: GeneratedType, scale: number, random: () => number): Buffer {
  const { blockBytes } = tensorTypeByName(dtype)!
  const blocks = Math.floor(poolBytes / blockBytes)
  if (dtype === 'F32') return asBytes(Float32Array.from({ length: blocks }, () => scale * gaussian(random)))
  if (dtype === 'F16') return asBytes(Uint16Array.from({ length: blocks }, () => halfBits(scale * gaussian(random))))
  // A block: its scale as half, then whole numbers. The largest of 32 normal values is about 2.1 deviations.
  const levels = dtype === 'Q8_0' ? 127 : 7
  const deviation = halfBits((scale * 2.1) / levels)
  const pool = asBytes(Uint32Array.from({ length: poolBytes / 4 }, random)).subarray(0, blocks * blockBytes)
  if (dtype === 'Q8_0') narrowBytes(new Int8Array(pool.buffer, pool.byteOffset, pool.length))
  for (let at = 0; at < pool.length; at += blockBytes) pool.writeUInt16LE(deviation, at)
  return pool
}

function asBytes(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}

/** Random bytes as 8-bit weights: the mean of neighbours is nearer to a normal distribution than a flat one. */
function narrowBytes(pool: Int8Array): void {
  for (let i = 0; i + 1 < pool.length; i++) pool[i] = (pool[i]! + pool[i + 1]!) >> 1
}

/** Irwin-Hall of four: near enough to normal, one deviation. */
function gaussian(random: () => number): number {
  const unit = () => random() / 2 ** 32
  return (unit() + unit() + unit() + unit() - 2) * Math.sqrt(3)
}

const halfView = new DataView(new ArrayBuffer(4))

/** A normal number as IEEE half, rounded toward zero; what is too small becomes zero. */
function halfBits(value: number): number {
  halfView.setFloat32(0, value)
  const bits = halfView.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 112
  if (exponent <= 0) return sign
  return exponent >= 31 ? sign | 0x7bff : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff)
}

/** mulberry32: 32 good bits per call, for data that must only be varied and repeatable. */
function randomWords(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return (word ^ (word >>> 14)) >>> 0
  }
}

/** FNV-1a. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
