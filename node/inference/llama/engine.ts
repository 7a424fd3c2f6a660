/** Whole models by llama.cpp in a child process. This is the parent's side: it starts, watches and replaces the child. */
import { totalmem } from 'node:os'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import type { InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'
import { engineSilenceMs, pacedTokensAheadMax } from '#protocol/limits.ts'
import { formatDuration } from '#protocol/units.ts'
import { noTracer, type Span, type Tracer } from '../../telemetry/index.ts'
import { EventQueue } from '../event-queue.ts'
import type { EngineCallOptions, EngineModel, EngineStatus, InferEvent, InferenceEngine } from '../types.ts'
import { LlamaChild } from './child-process.ts'
import { CrashBackoff } from './crash-backoff.ts'
import type { EmbedCall, InferCall, LlamaGpu, StartInput, StartResult } from './messages.ts'

export interface LlamaEngineOptions {
  /** Requests that run at once, each with a context of its own. */
  slots?: number
  /** Default: the cores that are free beside the node's own work. */
  threads?: number
  gpu?: LlamaGpu
  /** Prompt and answer of one request; less where the model was trained on less. */
  contextTokensMax?: number
  modelsLoadedMax?: number
  memoryBytesMax?: number
  silenceMs?: number
  tracer?: Tracer
  clock?: () => number
}

/** Prompt and answer of 8,192 tokens cover chat; a 7 B model's cache takes 1 GiB at that length. */
const defaultContextTokens = 8192

export interface LlamaEngine extends InferenceEngine {
  /** Starts the child without a request: for `doctor`, and to have the first answer sooner. @throws {ERR_ENGINE_UNAVAILABLE} */
  start(): Promise<EngineStatus>
}

export function createLlamaEngine(options: LlamaEngineOptions = {}): LlamaEngine {
  return new LlamaProcessEngine(options)
}

interface Running {
  child: LlamaChild
  startResult: StartResult
}

type Task<T> = Omit<T, 'request' | 'isPaced' | 'traceparent'>

class LlamaProcessEngine implements LlamaEngine {
  readonly #startInput: StartInput
  readonly #silenceMs: number
  readonly #clock: () => number
  readonly #tracer: Tracer
  readonly #backoff: CrashBackoff
  readonly #requests = new Map<number, ModelId>()
  readonly #watch: NodeJS.Timeout
  #nextRequest = 1
  #starting: Promise<Running> | undefined
  #running: Running | undefined
  #child: LlamaChild | undefined
  #lastStart: StartResult | undefined
  #loaded: ModelId[] = []
  #crashes = 0
  #lastFailure: { reason: string; child: LlamaChild } | undefined
  #hasCrashed = false
  #isClosed = false

  constructor(options: LlamaEngineOptions) {
    this.#startInput = {
      gpu: options.gpu ?? 'auto',
      threads: options.threads,
      slots: options.slots ?? 2,
      contextTokensMax: options.contextTokensMax ?? defaultContextTokens,
      modelsLoadedMax: options.modelsLoadedMax ?? 4,
      memoryBytesMax: options.memoryBytesMax ?? totalmem() / 2,
    }
    this.#silenceMs = options.silenceMs ?? engineSilenceMs
    this.#tracer = options.tracer ?? noTracer
    this.#clock = options.clock ?? (() => performance.now())
    this.#backoff = new CrashBackoff(this.#clock)
    this.#watch = setInterval(() => this.#killSilent(), Math.max(10, this.#silenceMs / 4))
    this.#watch.unref()
  }

  infer(
    model: EngineModel,
    prompt: InferPrompt,
    sampling: SamplingOptions,
    options: EngineCallOptions,
  ): AsyncGenerator<InferEvent, void, undefined> {
    return this.#stream({ model, prompt, sampling }, options)
  }

  embed(
    model: EngineModel,
    inputs: readonly string[],
    options: EngineCallOptions,
  ): AsyncGenerator<InferEvent, void, undefined> {
    return this.#stream({ model, inputs }, options)
  }

  async *#stream(
    task: Task<InferCall> | Task<EmbedCall>,
    { signal, isPaced = false, traceparent: parent }: EngineCallOptions,
  ): AsyncGenerator<InferEvent, void, undefined> {
    const events = new EventQueue<InferEvent>()
    const left = new AbortController()
    const request = this.#nextRequest++
    const span = this.#tracer.start('engine', { parent, attributes: { 'hartonomous.engine': 'llama.cpp' } })
    const traceparent = this.#tracer.isOn ? span.traceparent : undefined
    void this.#run({ request, isPaced, traceparent, ...task }, events, {
      signal: AbortSignal.any([signal, left.signal]),
      span,
    })
    try {
      let takenTokens = 0
      for await (const event of events) {
        yield event
        if (!isPaced || (event.type !== 'start' && event.type !== 'delta')) continue
        if (event.type === 'delta') takenTokens += event.tokens
        this.#allow(request, takenTokens + pacedTokensAheadMax)
      }
    } finally {
      left.abort()
    }
  }

  async start(): Promise<EngineStatus> {
    await this.#ensureChild()
    return this.status()
  }

  status(): EngineStatus {
    const busy = Math.min(this.#requests.size, this.#startInput.slots)
    const state = this.#running ? 'ready' : this.#starting ? 'starting' : this.#hasCrashed ? 'crashed' : 'idle'
    return {
      engine: 'llama.cpp',
      build: this.#lastStart?.build ?? 'not started',
      device: this.#lastStart?.device ?? 'unknown',
      state,
      loadedModels: [...this.#loaded],
      slots: this.#startInput.slots,
      slotsBusy: busy,
      queued: this.#requests.size - busy,
      crashes: this.#crashes,
      ...(this.#lastStart ? { threads: this.#lastStart.threads } : {}),
      ...(this.#child?.pid === undefined ? {} : { pid: this.#child.pid }),
      ...(this.#lastFailure ? { lastError: describeFailure(this.#lastFailure) } : {}),
    }
  }

  async unload(modelId: ModelId): Promise<void> {
    try {
      await this.#running?.child.client.call('unload', { modelId })
    } catch (error) {
      // A child that is gone holds no file either.
      if (!isHartonomousError(error, 'ERR_WORKER_GONE')) throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#watch)
    this.#child?.kill('closed')
    await this.#child?.exited
  }

  /** Never rejects: what goes wrong ends the events. */
  async #run(
    input: InferCall | EmbedCall,
    events: EventQueue<InferEvent>,
    { signal, span }: { signal: AbortSignal; span: Span },
  ): Promise<void> {
    const { request, model } = input
    const startedMs = this.#clock()
    const counts = { promptTokens: 0, completionTokens: 0 }
    const durationMs = () => this.#clock() - startedMs
    // At once: the child needs up to one decode call to notice.
    const onAbort = () => events.end({ type: 'end', reason: 'cancelled', ...counts, durationMs: durationMs() })
    let child: LlamaChild | undefined
    let stopListening = () => {}
    let failure: unknown
    this.#requests.set(request, model.modelId)
    try {
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      this.#refuseCrasher(model.modelId)
      child = (await this.#ensureChild()).child
      if (signal.aborted) return
      stopListening = child.listen(request, (progress) => {
        if (progress.type === 'working') return
        if (progress.type === 'start') counts.promptTokens = progress.promptTokens
        if (progress.type === 'delta') counts.completionTokens += progress.tokens
        events.push(progress)
      })
      child.lastHeardMs = this.#clock()
      const { client } = child
      const result = await ('inputs' in input
        ? client.call('embed', input, { signal })
        : client.call('infer', input, { signal }))
      this.#backoff.succeeded(model.modelId)
      const { phases = [], ...ended } = result
      for (const { name, ...times } of phases) {
        this.#tracer.record(`engine ${name}`, { parent: span.traceparent, ...times })
      }
      events.end({ type: 'end', ...ended, durationMs: durationMs() })
    } catch (error) {
      failure = signal.aborted ? undefined : await this.#explain(error, child)
      if (!signal.aborted) events.fail(failure)
    } finally {
      span.end(failure)
      signal.removeEventListener('abort', onAbort)
      stopListening()
      this.#requests.delete(request)
    }
  }

  /** A child that is gone ends the request in another way. */
  #allow(request: number, tokens: number): void {
    this.#child?.client.call('allow', { request, tokens }).catch(() => undefined)
  }

  #refuseCrasher(modelId: ModelId): void {
    const wait = this.#backoff.waitFor(modelId)
    if (wait === undefined) return
    const reason = `the model stopped it ${wait.count} times in a row; tried again in ${formatDuration(wait.waitMs)}`
    throw new HartonomousError('ERR_ENGINE_CRASHED', { reason })
  }

  /** `ERR_WORKER_GONE` says that the port closed; the exit of the process says why. */
  async #explain(error: unknown, child: LlamaChild | undefined): Promise<unknown> {
    if (child === undefined || !isHartonomousError(error, 'ERR_WORKER_GONE')) return error
    const exit = await child.exited
    if (this.#isClosed) return new HartonomousError('ERR_ENGINE_UNAVAILABLE', { reason: 'the node is shutting down' })
    return new HartonomousError('ERR_ENGINE_CRASHED', { reason: child.killReason ?? exit }, { cause: error })
  }

  #ensureChild(): Promise<Running> {
    if (this.#isClosed) {
      return Promise.reject(new HartonomousError('ERR_ENGINE_UNAVAILABLE', { reason: 'the node is shutting down' }))
    }
    this.#starting ??= this.#startChild()
    return this.#starting
  }

  async #startChild(): Promise<Running> {
    const child = new LlamaChild(this.#clock)
    this.#child = child
    void child.exited.then((exit) => this.#onExit(child, exit))
    child.client.on('models', ({ loaded }) => {
      this.#loaded = loaded
    })
    try {
      const startResult = await child.client.call('start', this.#startInput)
      this.#lastStart = startResult
      this.#running = { child, startResult }
      return this.#running
    } catch (error) {
      const reason = await this.#explain(error, child)
      this.#lastFailure = { reason: reason instanceof Error ? reason.message : String(reason), child }
      child.kill('start failed')
      throw reason
    }
  }

  #onExit(child: LlamaChild, exit: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.#starting = undefined
    this.#running = undefined
    this.#loaded = []
    if (this.#isClosed || child.killReason === 'start failed') return
    this.#hasCrashed = true
    this.#crashes++
    this.#lastFailure = { reason: child.killReason ?? exit, child }
    for (const modelId of new Set(this.#requests.values())) this.#backoff.crashed(modelId)
  }

  /** A child that works and says nothing is taken for hung. */
  #killSilent(): void {
    const child = this.#child
    if (child === undefined || (this.#requests.size === 0 && this.#running)) return
    const silentMs = this.#clock() - child.lastHeardMs
    if (silentMs > this.#silenceMs) child.kill(`it sent nothing for ${formatDuration(silentMs)}`)
  }
}

/** Read when asked: the last lines may arrive after the exit. */
function describeFailure({ reason, child }: { reason: string; child: LlamaChild }): string {
  return [reason, ...child.lastLines.slice(-3)].join('; ')
}
