export type SpanKind = 'internal' | 'server' | 'client'

/** Names as in the semantic conventions of OpenTelemetry; our own begin with `hartonomous.`. `undefined` is left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface SpanOptions {
  /** W3C traceparent of whoever caused it; without one, or with one that is none, it begins a trace. */
  parent?: string | undefined
  kind?: SpanKind
  attributes?: SpanAttributes
}

export interface Span {
  /** Goes on to whatever this causes. Where tracing is off, that of the parent, if it is well-formed. */
  readonly traceparent: string | undefined
  set(attributes: SpanAttributes): void
  /** With an error, or the code of one, it ends as failed. Its text is left out: it may hold what nobody should read. */
  end(error?: unknown): void
}

export interface Tracer {
  /** False: nothing is recorded, and whoever would work to find attributes need not. */
  readonly isOn: boolean
  /** A span that ends with `end`, for what outlives a function. */
  start(name: string, options?: SpanOptions): Span
  /** A span around `work`; its error passes through. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>
  /** What was timed elsewhere; milliseconds since 1970. */
  record(name: string, options: SpanOptions & { startMs: number; endMs: number }): void
  /** Sends what is left, as far as it goes in a bounded time. Never rejects. */
  close(): Promise<void>
}
