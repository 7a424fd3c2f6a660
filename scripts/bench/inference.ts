/** What the node's API costs over calling llama.cpp: same model, same threads, in turns. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createHttpServer, type GatewayBackend, openAiGateway, openOwnerAuth } from '#node/gateway/index.ts'
import { createLlamaEngine, InferenceService } from '#node/inference/index.ts'
import { generateModel, s110Shape } from '#node/ingest/gguf/generate.ts'
import { completion, doneData, SseParser } from '#protocol/api/index.ts'
import type { ModelId } from '#protocol/ids.ts'
import type { DirectRequest, DirectResult } from './inference/direct.ts'
import type { Bench } from './main.ts'

const directScript = fileURLToPath(new URL('./inference/direct.ts', import.meta.url))
const prompt = 'a journey of many steps begins with one and goes on until the end of the road is in sight'

interface Sample {
  tokens: number
  firstTokenMs: number
  totalMs: number
  text: string
}

export const bench: Bench = {
  name: 'inference',
  describe: 'tokens per second through the HTTP API against node-llama-cpp called directly (134 M parameters, Q8_0)',
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: {
        pairs: { type: 'string', default: '7' },
        tokens: { type: 'string', default: '200' },
        threads: { type: 'string', default: '1' },
        model: { type: 'string' },
      },
    })
    const folder = await mkdtemp(join(tmpdir(), 'hartonomous-bench-'))
    try {
      const path = values.model ?? join(folder, 's110.gguf')
      if (values.model === undefined) {
        log('generating the model (134 M parameters, Q8_0)')
        await generateModel({ path, shape: s110Shape, dtype: 'Q8_0', seed: 1 })
      }
      const threads = Number(values.threads)
      const request = { prompt, maxTokens: Number(values.tokens) }
      return await compare({ path, folder, threads, request, pairs: Number(values.pairs), log })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

interface Comparison {
  path: string
  folder: string
  threads: number
  request: DirectRequest
  pairs: number
  log: (line: string) => void
}

async function compare({ path, folder, threads, request, pairs, log }: Comparison): Promise<Record<string, number>> {
  const direct = await startDirect(path, threads)
  const node = await startNode(path, folder, threads)
  try {
    const runs = { direct: () => direct.generate(request), node: () => askNode(node.url, request) }
    // Once each, not counted: files into the cache, code compiled.
    const [first, second] = [await runs.direct(), await runs.node()]
    assert.equal(second.text, first.text, 'both ways give the same text')
    const samples: { direct: Sample; node: Sample }[] = []
    for (let pair = 0; pair < pairs; pair++) {
      const isDirectFirst = pair % 2 === 0
      const before = isDirectFirst ? await runs.direct() : await runs.node()
      const after = isDirectFirst ? await runs.node() : await runs.direct()
      const sample = isDirectFirst ? { direct: before, node: after } : { direct: after, node: before }
      samples.push(sample)
      log(`pair ${pair + 1}: direct ${rate(sample.direct).toFixed(1)} tokens/s, node ${rate(sample.node).toFixed(1)}`)
    }
    return {
      shareOfDirect: round(median(samples.map((sample) => rate(sample.node) / rate(sample.direct))), 4),
      firstTokenExtraMs: round(
        median(samples.map((sample) => sample.node.firstTokenMs - sample.direct.firstTokenMs)),
        2,
      ),
      directTokensPerSecond: round(median(samples.map((sample) => rate(sample.direct))), 1),
      nodeTokensPerSecond: round(median(samples.map((sample) => rate(sample.node))), 1),
      directFirstTokenMs: round(median(samples.map((sample) => sample.direct.firstTokenMs)), 2),
      nodeFirstTokenMs: round(median(samples.map((sample) => sample.node.firstTokenMs)), 2),
      tokensPerRun: samples[0]?.node.tokens ?? 0,
      pairs,
      threads,
    }
  } finally {
    direct.close()
    await node.close()
  }
}

/** Over the whole request, the prompt included: what a user waits for. */
function rate({ tokens, totalMs }: Sample): number {
  return tokens / (totalMs / 1000)
}

async function startDirect(path: string, threads: number) {
  const child: ChildProcess = fork(directScript, [path, String(threads)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const received = async () => {
    const exited = once(child, 'exit').then(() => Promise.reject(new Error('the direct baseline ended')))
    const [message] = await Promise.race([once(child, 'message'), exited])
    return message as unknown
  }
  await received()
  return {
    async generate(request: DirectRequest): Promise<DirectResult> {
      child.send(request)
      return (await received()) as DirectResult
    },
    close: () => void child.kill(),
  }
}

async function startNode(path: string, folder: string, threads: number) {
  const engine = createLlamaEngine({ gpu: false, threads })
  const service = new InferenceService(engine)
  const server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    auth: await openOwnerAuth({ tokenFile: join(folder, 'owner.token') }),
  })
  const modelId = 'bench' as ModelId
  const backend: GatewayBackend = {
    models: async () => [{ id: 'bench', modelId, createdAtMs: 0, ownedBy: 'bench' }],
    infer: async (request, signal) => ({
      modelId,
      events: service.infer({ ...request, model: { modelId, path } }, { signal }),
    }),
    embed: () => Promise.reject(new Error('no vectors here')),
  }
  openAiGateway(server.app, () => backend)
  const { url } = await server.listen()
  return {
    url,
    async close() {
      await server.close()
      await engine.close()
    },
  }
}

async function askNode(url: string, request: DirectRequest): Promise<Sample> {
  const startedMs = performance.now()
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'bench',
      prompt: request.prompt,
      max_tokens: request.maxTokens,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    }),
  })
  assert.equal(response.status, 200, await (response.ok ? '' : response.text()))
  const sample: Sample = { tokens: 0, firstTokenMs: 0, totalMs: 0, text: '' }
  const parser = new SseParser()
  const decoder = new TextDecoder()
  for await (const part of response.body ?? []) {
    for (const { data } of parser.push(decoder.decode(part as Uint8Array, { stream: true }))) {
      if (data === doneData) continue
      const { choices, usage } = completion.parse(JSON.parse(data))
      const text = choices[0]?.text ?? ''
      if (text !== '' && sample.firstTokenMs === 0) sample.firstTokenMs = performance.now() - startedMs
      sample.text += text
      if (usage) sample.tokens = usage.completion_tokens
    }
  }
  sample.totalMs = performance.now() - startedMs
  return sample
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
