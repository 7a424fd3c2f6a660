/**
 * The baseline of the inference benchmark, in a process of its own like the node's engine: node-llama-cpp called
 * directly, one sequence, greedy, each token turned into text.
 *   node scripts/bench/inference/direct.ts MODEL THREADS
 */
import assert from 'node:assert/strict'
import { getLlama } from 'node-llama-cpp'

export interface DirectRequest {
  prompt: string
  maxTokens: number
}

export interface DirectResult {
  text: string
  tokens: number
  firstTokenMs: number
  totalMs: number
}

const [modelPath, threadsText] = process.argv.slice(2)
assert(modelPath !== undefined && threadsText !== undefined, 'usage: direct.ts MODEL THREADS')
const threads = Number(threadsText)
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, maxThreads: threads })
const model = await llama.loadModel({ modelPath })
const context = await model.createContext({ contextSize: 2048, sequences: 1, threads, batchSize: 512 })
const sequence = context.getSequence()

async function generate({ prompt, maxTokens }: DirectRequest): Promise<DirectResult> {
  const startedMs = performance.now()
  let firstTokenMs = 0
  let text = ''
  let tokens = 0
  await sequence.clearHistory()
  const input = model.tokenize(prompt, false)
  if (model.tokens.bos !== null) input.unshift(model.tokens.bos)
  for await (const token of sequence.evaluate(input, { temperature: 0 })) {
    text += model.detokenize([token])
    if (tokens++ === 0) firstTokenMs = performance.now() - startedMs
    if (tokens >= maxTokens) break
  }
  return { text, tokens, firstTokenMs, totalMs: performance.now() - startedMs }
}

process.on('message', (request) => {
  void generate(request as DirectRequest).then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
