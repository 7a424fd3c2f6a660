/** A collector of OpenTelemetry over HTTP: a real server that keeps the spans which it is sent. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { z } from 'zod'

const value = z.object({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
  arrayValue: z.object({ values: z.array(z.unknown()) }).optional(),
})
const attributes = z.array(z.object({ key: z.string(), value }))

/** OTLP/HTTP in JSON. Source: opentelemetry-proto, `trace_service.proto` and `trace.proto`. */
const exportRequest = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string().regex(/^[0-9a-f]{32}$/),
              spanId: z.string().regex(/^[0-9a-f]{16}$/),
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.int(),
              startTimeUnixNano: z.string().regex(/^\d+$/),
              endTimeUnixNano: z.string().regex(/^\d+$/),
              attributes,
              status: z.object({ code: z.int().optional() }),
            }),
          ),
        }),
      ),
    }),
  ),
})

export interface CollectedSpan {
  /** Of the node that sent it. */
  instance: string
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  name: string
  kind: 'internal' | 'server' | 'client'
  startNs: bigint
  endNs: bigint
  attributes: Record<string, unknown>
  isError: boolean
}

const kinds: Record<number, CollectedSpan['kind']> = { 1: 'internal', 2: 'server', 3: 'client' }

export class Collector {
  readonly spans: CollectedSpan[] = []
  /** As they came, to look for what must not be in them. */
  readonly bodies: string[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<Collector> {
    const server = createServer((request, response) => {
      void (async () => {
        assert.equal(`${request.method} ${request.url}`, 'POST /v1/traces')
        collector.#take(await text(request))
        response.setHeader('content-type', 'application/json').end('{}')
      })().catch((error: unknown) => response.writeHead(400).end(String(error)))
    })
    const collector = new Collector(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return collector
  }

  /** As a node is told it. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(body: string): void {
    this.bodies.push(body)
    for (const { resource, scopeSpans } of exportRequest.parse(JSON.parse(body)).resourceSpans) {
      const instance = String(plain(resource.attributes)['service.instance.id'])
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const { traceId, spanId, name } = span
        this.spans.push({
          instance,
          traceId,
          spanId,
          name,
          parentSpanId: span.parentSpanId || undefined,
          kind: kinds[span.kind] ?? 'internal',
          startNs: BigInt(span.startTimeUnixNano),
          endNs: BigInt(span.endTimeUnixNano),
          attributes: plain(span.attributes),
          isError: span.status.code === 2,
        })
      }
    }
  }
}

function plain(pairs: z.infer<typeof attributes>): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(({ key, value: { stringValue, intValue, doubleValue, boolValue, arrayValue } }) => [
      key,
      stringValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? boolValue ?? arrayValue,
    ]),
  )
}
