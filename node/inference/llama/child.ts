/**
 * Entry of the engine's child process, and the only file that loads node-llama-cpp. A crash in here, by a hostile model
 * or by llama.cpp itself, costs the running requests and nothing else.
 */
import { availableParallelism } from 'node:os'
import type { ChatWrapper, Llama, LlamaContextSequence, LlamaModel } from 'node-llama-cpp'
import { HartonomousError } from '#protocol/errors.ts'
import { processPort } from '#protocol/port/adapters.ts'
import { type PortServer, servePort } from '#protocol/port/index.ts'
import { embed } from './embed.ts'
import { generate } from './generate.ts'
import { type LoadedModel, LoadedModels } from './loaded-models.ts'
import type {
  EmbedCall,
  InferCall,
  InferProgress,
  InferResult,
  LlamaEvents,
  LlamaMethods,
  StartInput,
} from './messages.ts'
import { Pace } from './pace.ts'
import { Phases } from './phases.ts'

type Library = typeof import('node-llama-cpp')

let models: LoadedModels | undefined
/** Of paced requests that run or wait for a slot. */
const paces = new Map<number, Pace>()
let server: PortServer<LlamaEvents> | undefined

async function loadLibrary(): Promise<Library> {
  try {
    return await import('node-llama-cpp')
  } catch (error) {
    const code = (error as { code?: unknown }).code
    const reason = code === 'ERR_MODULE_NOT_FOUND' ? 'node-llama-cpp is not installed' : String(error).split('\n')[0]!
    throw new HartonomousError('ERR_ENGINE_UNAVAILABLE', { reason })
  }
}

async function startLlama({ getLlama }: Library, input: StartInput): Promise<Llama> {
  try {
    const common = { build: 'never', progressLogs: false, skipDownload: true } as const
    const limit = input.threads === undefined ? {} : { maxThreads: input.threads }
    return await getLlama({
      ...common,
      ...limit,
      gpu: input.gpu,
      logger: (level, message) => process.stderr.write(`${level}: ${message}\n`),
    })
  } catch (error) {
    throw new HartonomousError('ERR_ENGINE_UNAVAILABLE', { reason: String(error).split('\n')[0]!.slice(0, 300) })
  }
}

/** Two of many cores, one of few, stay free for the network and the disk: a busy core slows all threads (spinning barriers). */
function freeThreads(mathCores: number): number {
  const cores = availableParallelism()
  return Math.max(1, Math.min(mathCores, cores > 8 ? cores - 2 : cores - 1))
}

/** The file's own template; without function calls it is rendered in a millisecond. */
function createChat(library: Library, model: LlamaModel): ChatWrapper | undefined {
  const template = (model.fileInfo.metadata.tokenizer as { chat_template?: unknown } | undefined)?.chat_template
  if (typeof template !== 'string' || template.trim() === '') return undefined
  try {
    return new library.JinjaTemplateChatWrapper({
      template,
      tokenizer: model.tokenizer,
      functionCallMessageTemplate: 'noJinja',
    })
  } catch (error) {
    process.stderr.write(`chat template: ${String(error).split('\n')[0]}\n`)
    return library.resolveChatWrapper(model, { type: 'auto', warningLogs: false, noJinja: true })
  }
}

interface Work {
  loaded: LoadedModel
  sequence: LlamaContextSequence
  pace: Pace | undefined
  phases: Phases | undefined
  emit: (progress: InferProgress) => void
}

/** Runs one request when its model is loaded and has a place free. */
async function work(
  { request, model, isPaced, traceparent }: InferCall | EmbedCall,
  signal: AbortSignal,
  run: (work: Work) => Promise<InferResult>,
): Promise<InferResult> {
  if (models === undefined) throw new HartonomousError('ERR_ENGINE_UNAVAILABLE', { reason: 'not started' })
  const emit = (progress: InferProgress) => server?.emit('progress', { request, progress })
  const pace = isPaced ? new Pace() : undefined
  if (pace !== undefined) paces.set(request, pace)
  const phases = traceparent === undefined ? undefined : new Phases()
  const onLoading = (type: 'loading' | 'working') => {
    if (type === 'loading') phases?.begin('load')
    emit({ type })
  }
  try {
    const result = await models.use<InferResult>(model, onLoading, async (loaded, sequence) => {
      if (signal.aborted) return { reason: 'cancelled', promptTokens: 0, completionTokens: 0 }
      return run({ loaded, sequence, pace, phases, emit })
    })
    return phases === undefined ? result : { ...result, phases: phases.end() }
  } finally {
    paces.delete(request)
  }
}

const methods: LlamaMethods = {
  async start(input) {
    const library = await loadLibrary()
    const llama = await startLlama(library, input)
    const threads = input.threads ?? freeThreads(llama.cpuMathCores)
    models = new LoadedModels(llama, {
      ...input,
      threads,
      createChat: (model) => createChat(library, model),
      onChange: (loaded) => server?.emit('models', { loaded }),
    })
    const names = llama.gpu === false ? [] : await llama.getGpuDeviceNames()
    const device = llama.gpu === false ? 'cpu' : `${names.join(', ') || 'GPU'} (${llama.gpu})`
    return { build: `node-llama-cpp, llama.cpp ${llama.llamaCppRelease.release}`, device, threads }
  },

  infer: (call, { signal }) =>
    work(call, signal, ({ loaded, sequence, pace, phases, emit }) =>
      generate(loaded, sequence, { prompt: call.prompt, sampling: call.sampling, pace, phases }, emit, signal),
    ),

  embed: (call, { signal }) =>
    work(call, signal, ({ loaded, pace, phases, emit }) => {
      phases?.begin('embed')
      return embed(loaded, { inputs: call.inputs, pace }, emit, signal)
    }),

  async allow({ request, tokens }) {
    paces.get(request)?.allow(tokens)
    return null
  },

  async unload({ modelId }) {
    await models?.unload(modelId)
    return null
  },
}

// Ctrl-C reaches the whole process group: the parent decides when this process ends.
process.on('SIGINT', () => {})
const port = processPort(process)
// No clean-up: the parent is gone, and native threads may be in the middle of something.
port.onClose(() => process.kill(process.pid, 'SIGKILL'))
server = servePort<LlamaMethods, LlamaEvents>(port, methods)
