/** The models that the child holds in memory: loaded on demand, the longest unused goes first. */
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type {
  ChatWrapper,
  Llama,
  LlamaContext,
  LlamaContextSequence,
  LlamaEmbeddingContext,
  LlamaModel,
} from 'node-llama-cpp'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import type { EmbeddingQuality } from '#protocol/infer/message.ts'
import { formatBytes } from '#protocol/units.ts'
import type { EngineModel } from '../types.ts'
import { embeddingQuality, isEncoderOnly } from './embedding-quality.ts'

export interface LoadedModel {
  modelId: ModelId
  model: LlamaModel
  context: LlamaContext
  /** Undefined: the file has no chat template. */
  chat: ChatWrapper | undefined
  /** Tokens of prompt and answer together. */
  contextTokens: number
  /** Prompt tokens per decode call: between two of them a request can be cancelled. */
  prefillTokens: number
  /** It gives vectors, and no text. */
  isEncoderOnly: boolean
  /** Of its vectors. */
  quality: EmbeddingQuality
  /** Tokens of one input that becomes a vector. */
  embeddingTokens: number
  /** The context for vectors: made when the first one is asked for. */
  embeddings: () => Promise<LlamaEmbeddingContext>
}

/** The memory of a batch grows with it: the widest activation of a 7 B model is 2,048 x 11,008 x 4 bytes = 86 MiB. */
const embeddingTokensMax = 2048

interface Entry extends LoadedModel {
  embeddingContext: Promise<LlamaEmbeddingContext> | undefined
  freeSequences: LlamaContextSequence[]
  waiting: ((sequence: LlamaContextSequence) => void)[]
  busy: number
  usedAt: number
  sizeBytes: number
}

export interface LoadedModelsOptions {
  slots: number
  threads: number
  contextTokensMax: number
  modelsLoadedMax: number
  memoryBytesMax: number
  createChat: (model: LlamaModel) => ChatWrapper | undefined
  onChange: (loaded: ModelId[]) => void
}

export class LoadedModels {
  readonly #llama: Llama
  readonly #options: LoadedModelsOptions
  readonly #entries = new Map<ModelId, Entry>()
  /** Loads and unloads happen one after the other, so that the memory sum is right. */
  #changes: Promise<unknown> = Promise.resolve()
  #uses = 0
  #idleListeners: (() => void)[] = []

  constructor(llama: Llama, options: LoadedModelsOptions) {
    this.#llama = llama
    this.#options = options
  }

  /** Runs `work` with a sequence of its own, its history empty. */
  async use<T>(
    wanted: EngineModel,
    onLoading: (step: 'loading' | 'working') => void,
    work: (loaded: LoadedModel, sequence: LlamaContextSequence) => Promise<T>,
  ): Promise<T> {
    const entry = await this.#acquire(wanted, onLoading)
    const sequence = entry.freeSequences.pop() ?? (await nextSequence(entry))
    try {
      await sequence.clearHistory()
      return await work(entry, sequence)
    } finally {
      entry.busy--
      const next = entry.waiting.shift()
      if (next) next(sequence)
      else entry.freeSequences.push(sequence)
      if (entry.busy === 0) for (const listener of this.#idleListeners.splice(0)) listener()
    }
  }

  /** Resolves when the memory is free; requests that run on the model end first. */
  async unload(modelId: ModelId): Promise<void> {
    const entry = this.#entries.get(modelId)
    if (entry === undefined) return
    this.#entries.delete(modelId)
    this.#options.onChange([...this.#entries.keys()])
    while (entry.busy > 0) await this.#someIdle()
    await entry.context.dispose()
    await (await entry.embeddingContext?.catch(() => undefined))?.dispose()
    await entry.model.dispose()
  }

  /** The model with `busy` counted up, so that nobody evicts it. */
  async #acquire(wanted: EngineModel, onLoading: (step: 'loading' | 'working') => void): Promise<Entry> {
    const present = this.#entries.get(wanted.modelId)
    const entry = present ?? (await this.#loadInTurn(wanted, onLoading))
    if (present) this.#take(present)
    return entry
  }

  #loadInTurn(wanted: EngineModel, onLoading: (step: 'loading' | 'working') => void): Promise<Entry> {
    const turn = this.#changes.then(async () => {
      const entry = this.#entries.get(wanted.modelId) ?? (await this.#load(wanted, onLoading))
      this.#take(entry)
      return entry
    })
    this.#changes = turn.catch(() => undefined)
    return turn
  }

  #take(entry: Entry): void {
    entry.busy++
    entry.usedAt = ++this.#uses
  }

  async #load(wanted: EngineModel, onLoading: (step: 'loading' | 'working') => void): Promise<Entry> {
    onLoading('loading')
    const fileBytes = await modelFileBytes(wanted)
    await this.#makeRoom(wanted.modelId, fileBytes)
    let model: LlamaModel | undefined
    try {
      let lastStep = 0
      model = await this.#llama.loadModel({
        modelPath: wanted.path,
        onLoadProgress: () => {
          const now = performance.now()
          if (now - lastStep > 500) onLoading('working')
          if (now - lastStep > 500) lastStep = now
        },
      })
      const entry = await this.#createEntry(wanted, model, fileBytes)
      this.#entries.set(wanted.modelId, entry)
      this.#options.onChange([...this.#entries.keys()])
      return entry
    } catch (error) {
      await model?.dispose().catch(() => undefined)
      throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId: wanted.modelId, reason: reasonOf(error, wanted) })
    }
  }

  async #createEntry(wanted: EngineModel, model: LlamaModel, fileBytes: number): Promise<Entry> {
    const { slots, threads, contextTokensMax, createChat } = this.#options
    const tokensMax = Math.max(1, Math.min(model.trainContextSize, wanted.contextTokens ?? contextTokensMax))
    const prefillTokens = model.gpuLayers > 0 ? 512 : 128
    const context = await model.createContext({
      sequences: slots,
      threads,
      contextSize: { max: tokensMax },
      batchSize: Math.min(512, tokensMax),
    })
    const freeSequences = Array.from({ length: slots }, () => context.getSequence())
    const embeddingTokens = Math.min(tokensMax, embeddingTokensMax)
    const entry: Entry = {
      modelId: wanted.modelId,
      model,
      context,
      isEncoderOnly: isEncoderOnly(model.fileInfo.metadata),
      quality: embeddingQuality(model.fileInfo.metadata),
      embeddingTokens,
      embeddings: () => {
        entry.embeddingContext ??= this.#openEmbeddings(entry).catch((error: unknown) => {
          // Memory that is short now may be there with the next request.
          entry.embeddingContext = undefined
          const reason = reasonOf(error, wanted)
          throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId: wanted.modelId, reason })
        })
        return entry.embeddingContext
      },
      chat: createChat(model),
      // llama.cpp rounds a context up to 256; beyond the trained length the answers would be noise.
      contextTokens: Math.min(tokensMax, context.contextSize),
      prefillTokens,
      freeSequences,
      waiting: [],
      busy: 0,
      usedAt: 0,
      sizeBytes: Math.max(fileBytes, model.size) + context.stateSize,
      embeddingContext: undefined,
    }
    return entry
  }

  async #openEmbeddings(entry: Entry): Promise<LlamaEmbeddingContext> {
    const { model, embeddingTokens } = entry
    // An input in one batch: an encoder reads both ways, and the state of the last token is that of the last batch.
    const size = { contextSize: embeddingTokens, batchSize: embeddingTokens }
    const embeddings = await model.createEmbeddingContext({ ...size, threads: this.#options.threads })
    const { cpuRam, gpuVram } = await model.fileInsights.estimateContextResourceRequirementsV2({
      ...size,
      modelGpuLayers: model.gpuLayers,
      isEmbeddingContext: true,
    })
    entry.sizeBytes += cpuRam + gpuVram
    return embeddings
  }

  /** Unloads idle models until the new one fits; waits for busy ones. */
  async #makeRoom(modelId: ModelId, fileBytes: number): Promise<void> {
    const { memoryBytesMax, modelsLoadedMax } = this.#options
    if (fileBytes > memoryBytesMax) {
      const reason = `it takes ${formatBytes(fileBytes)}, the engine may use ${formatBytes(memoryBytesMax)}`
      throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId, reason })
    }
    for (;;) {
      const entries = [...this.#entries.values()]
      const usedBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0)
      if (entries.length < modelsLoadedMax && usedBytes + fileBytes <= memoryBytesMax) return
      if (entries.length === 0) return
      const idle = entries.filter((entry) => entry.busy === 0).sort((a, b) => a.usedAt - b.usedAt)[0]
      if (idle) await this.unload(idle.modelId)
      else await this.#someIdle()
    }
  }

  #someIdle(): Promise<void> {
    return new Promise((resolve) => this.#idleListeners.push(resolve))
  }
}

function nextSequence(entry: Entry): Promise<LlamaContextSequence> {
  return new Promise((resolve) => entry.waiting.push(resolve))
}

async function modelFileBytes(wanted: EngineModel): Promise<number> {
  try {
    return (await stat(wanted.path)).size
  } catch {
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file of model', id: wanted.modelId })
  }
}

/** Reasons travel to peers and HTTP clients: no paths of this machine in them. */
function reasonOf(error: unknown, wanted: EngineModel): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(wanted.path, basename(wanted.path)).split('\n')[0]!.slice(0, 300)
}
