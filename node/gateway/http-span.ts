/** The span of one HTTP request: it goes on from the caller's traceparent, and ends when the answer is out or the caller gone. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Span, Tracer } from '../telemetry/index.ts'

export function startHttpSpan(tracer: Tracer, request: FastifyRequest, reply: FastifyReply): Span {
  const { traceparent } = request.headers
  const parent = typeof traceparent === 'string' ? traceparent : undefined
  const route = request.routeOptions.url ?? ''
  const span = tracer.start(`${request.method} ${route}`, {
    kind: 'server',
    parent,
    attributes: { 'http.request.method': request.method, 'http.route': route, 'url.scheme': 'http' },
  })
  reply.raw.once('close', () => {
    const { statusCode } = reply.raw
    span.set({ 'http.response.status_code': statusCode })
    span.end(statusCode >= 500 ? String(statusCode) : undefined)
  })
  return span
}
