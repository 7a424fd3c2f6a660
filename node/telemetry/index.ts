/**
 * Traces over OpenTelemetry, off unless the owner names a collector: then, and only then, is its SDK loaded. A span is known
 * by its W3C traceparent, which is what goes through HTTP, peers and the engine's child. Prompts and answers are never in one.
 */
export { otlpUrl } from './otlp-url.ts'
export { noTracer, openTracer, type TracerOptions } from './tracer.ts'
export type * from './types.ts'
