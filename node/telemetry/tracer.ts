/** The tracer that sends to a collector, and the one that does nothing. */
import type { Context, Span as OtelSpan, Tracer as OtelTracer, SpanContext, TimeInput } from '@opentelemetry/api'
import { traceparentPattern } from '#protocol/codec/traceparent.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import type { Log } from '../log/index.ts'
import type { Span, SpanAttributes, SpanKind, SpanOptions, Tracer } from './types.ts'

type Api = typeof import('@opentelemetry/api')

/** Spans that wait to be sent, the newest are dropped: some 2 MB. */
const spansWaitingMax = 2048
const spansPerExportMax = 512
/** A collector that does not answer holds up a stop no longer than this. */
const exportTimeoutMs = 5 * second
const closeTimeoutMs = 2 * second
const attributesPerSpanMax = 32
const attributeCharsMax = 256

export interface TracerOptions {
  /** Of traces: see `otlpUrl`. Undefined: off. */
  url: string | undefined
  /** `hartonomous-node`; the environment's OTEL_SERVICE_NAME goes before it. */
  service: string
  /** Which of several: the peer id. */
  instance: string
  version: string
  log: Log
}

/** Tracing that cannot begin leaves the node as it is without. */
export async function openTracer(options: TracerOptions): Promise<Tracer> {
  if (options.url === undefined) return noTracer
  try {
    const [api, { BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
    ])
    const exporter = new OTLPTraceExporter({ url: options.url, timeoutMillis: exportTimeoutMs })
    // The sampler is the SDK's own (that of the parent, and all where there is none), and so is the time between exports (5 s):
    // OTEL_TRACES_SAMPLER and OTEL_BSP_SCHEDULE_DELAY say otherwise.
    const provider = new BasicTracerProvider({
      resource: resourceOf(options),
      spanLimits: { attributeCountLimit: attributesPerSpanMax, attributeValueLengthLimit: attributeCharsMax },
      spanProcessors: [
        new BatchSpanProcessor(exporter, {
          maxQueueSize: spansWaitingMax,
          maxExportBatchSize: spansPerExportMax,
          exportTimeoutMillis: exportTimeoutMs,
        }),
      ],
    })
    options.log.info('tracing-on', { url: withoutSecrets(options.url) })
    return new OtlpTracer(api, provider.getTracer('hartonomous', options.version), () => provider.shutdown())
  } catch (error) {
    options.log.warn('tracing-not-possible', { error: String(error) })
    return noTracer
  }
}

class OtlpTracer implements Tracer {
  readonly isOn = true
  readonly #api: Api
  readonly #tracer: OtelTracer
  readonly #shutdown: () => Promise<void>

  constructor(api: Api, tracer: OtelTracer, shutdown: () => Promise<void>) {
    this.#api = api
    this.#tracer = tracer
    this.#shutdown = shutdown
  }

  start(name: string, options: SpanOptions = {}): Span {
    return new OtlpSpan(this.#api, this.#begin(name, options))
  }

  async span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
    const span = this.start(name, options)
    try {
      const result = await work(span)
      span.end()
      return result
    } catch (error) {
      span.end(error)
      throw error
    }
  }

  record(name: string, options: SpanOptions & { startMs: number; endMs: number }): void {
    this.#begin(name, options, options.startMs).end(Math.max(options.startMs, options.endMs))
  }

  async close(): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, closeTimeoutMs)
    await Promise.race([this.#shutdown().catch(() => undefined), late.promise])
    clearTimeout(timer)
  }

  #begin(name: string, { parent, kind = 'internal', attributes = {} }: SpanOptions, startTime?: TimeInput): OtelSpan {
    const options = { kind: this.#kind(kind), attributes: given(attributes) }
    return this.#tracer.startSpan(
      name,
      startTime === undefined ? options : { ...options, startTime },
      this.#context(parent),
    )
  }

  #kind(kind: SpanKind): number {
    const { SpanKind: kinds } = this.#api
    return kind === 'server' ? kinds.SERVER : kind === 'client' ? kinds.CLIENT : kinds.INTERNAL
  }

  #context(parent: string | undefined): Context {
    const { ROOT_CONTEXT, trace } = this.#api
    const spanContext = parent === undefined ? undefined : spanContextOf(parent)
    return spanContext === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext)
  }
}

class OtlpSpan implements Span {
  readonly traceparent: string
  readonly #api: Api
  readonly #span: OtelSpan

  constructor(api: Api, span: OtelSpan) {
    const { traceId, spanId, traceFlags } = span.spanContext()
    this.traceparent = `00-${traceId}-${spanId}-0${traceFlags & 1}`
    this.#api = api
    this.#span = span
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(given(attributes))
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      const type = typeof error === 'string' ? error : isHartonomousError(error) ? error.code : 'ERR_IO'
      this.#span.setAttribute('error.type', type)
      this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR })
    }
    this.#span.end()
  }
}

/** Hands on the parent, where it is one, and forgets all else. */
class PassingSpan implements Span {
  readonly traceparent: string | undefined

  constructor(traceparent: string | undefined) {
    this.traceparent = traceparent !== undefined && traceparentPattern.test(traceparent) ? traceparent : undefined
  }

  set(): void {}
  end(): void {}
}

export const noTracer: Tracer = {
  isOn: false,
  start: (_name, options) => new PassingSpan(options?.parent),
  span: (_name, options, work) => work(new PassingSpan(options.parent)),
  record: () => undefined,
  close: async () => undefined,
}

/** Ids of zeros are none. */
function spanContextOf(traceparent: string): SpanContext | undefined {
  const [, traceId, spanId, flags] = traceparentPattern.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
}

function given(attributes: SpanAttributes): Record<string, string | number | boolean | string[]> {
  const some: Record<string, string | number | boolean | string[]> = {}
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) some[name] = typeof value === 'object' ? [...value] : value
  return some
}

/** What the SDK asks of a resource, and no more: a package of its own would be loaded for one object. */
function resourceOf({ service, instance, version }: TracerOptions) {
  const attributes = {
    'service.name': process.env['OTEL_SERVICE_NAME'] || service,
    'service.instance.id': instance,
    'service.version': version,
  }
  const resource = {
    attributes,
    merge: () => resource,
    getRawAttributes: (): [string, string][] => Object.entries(attributes),
  }
  return resource
}

/** A URL may hold a name and a password, or a key in its query. */
function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
