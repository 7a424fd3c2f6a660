/** Routes of the control API: decode, call, encode. Who may call is decided before (loopback guard, owner token). */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import {
  dialRequest,
  diffQuery,
  ingestRequest,
  type NodeEvent,
  pullRequest,
  sqlRequest,
  tensorQuery,
} from '#protocol/api/control.ts'
import { controlRoutes as paths } from '#protocol/api/routes/control.ts'
import { settingsRequest } from '#protocol/api/settings.ts'
import { errorToWire, HartonomousError } from '#protocol/errors.ts'
import { eventReadersMax } from '#protocol/limits.ts'
import { componentKinds } from '#protocol/query/message.ts'
import { paymentRoutes } from './payment-routes.ts'
import { queryRoutes } from './query-routes.ts'
import { parseBody, requestSignal } from './request.ts'
import type { ComponentQuery, ControlledNode } from './types.ts'

const componentQuery = z.object({
  kind: z.enum(componentKinds).optional(),
  layerMin: z.coerce.number().int().min(0).optional(),
  layerMax: z.coerce.number().int().min(0).optional(),
})

/** Events that wait for a slow reader of `/api/v1/events`; then its connection is closed: it reconnects and reads the status. */
const eventsBufferedBytesMax = 1024 * 1024

/** Health, version and metrics: cheap, and open to whatever passes the loopback guard. */
export function healthRoutes(app: FastifyInstance, node: ControlledNode): void {
  app.get('/healthz', async () => ({ status: 'alive' }))
  app.get('/version', async () => ({ version: node.version }))
  app.get('/readyz', async (_request, reply) => {
    const checks = await node.health()
    const ready = checks.every((check) => check.ok)
    return reply.status(ready ? 200 : 503).send({ ready, checks })
  })
  app.get('/metrics', async (_request, reply) => {
    reply.type('text/plain; version=0.0.4; charset=utf-8')
    return node.metrics()
  })
}

/** Everything under `/api/v1`; register it behind the owner's authentication. */
export function controlRoutes(app: FastifyInstance, node: ControlledNode): void {
  app.get(paths.status.path, async () => node.status())
  app.get(paths.settings.path, async () => node.settings())
  app.put(paths.changeSettings.path, async (request) => node.changeSettings(parseBody(settingsRequest, request.body)))
  app.get(paths.peers.path, async () => ({ peers: await node.peers() }))
  app.get<{ Params: { peerId: string } }>('/api/v1/peers/:peerId', async (request) => node.peer(request.params.peerId))
  app.post('/api/v1/peers', async (request, reply) => {
    const { address } = parseBody(dialRequest, request.body)
    return { peerId: await node.dial(address, requestSignal(reply)) }
  })

  app.get(paths.models.path, async () => ({ models: await node.models() }))
  app.get<{ Params: { reference: string } }>('/api/v1/models/:reference', async (request) =>
    node.model(request.params.reference),
  )
  app.delete<{ Params: { reference: string } }>('/api/v1/models/:reference', async (request, reply) => {
    await node.remove(request.params.reference)
    return reply.status(204).send()
  })
  app.get<{ Params: { reference: string } }>('/api/v1/models/:reference/components', async (request) => {
    const query = parseBody(componentQuery, request.query)
    const filter = Object.fromEntries(
      Object.entries(query).filter(([, value]) => value !== undefined),
    ) as ComponentQuery
    return { components: await node.components(request.params.reference, filter) }
  })
  tensorRoutes(app, node)
  app.post('/api/v1/models/ingest', async (request, reply) => {
    const body = parseBody(ingestRequest, request.body)
    return streamEvents(reply, (emit, signal) => node.ingest(body, emit, signal))
  })
  app.post('/api/v1/models/pull', async (request, reply) => {
    const body = parseBody(pullRequest, request.body)
    return streamEvents(reply, (emit, signal) => node.pull(body, emit, signal))
  })

  app.get('/api/v1/sql', async () => ({ views: node.sqlSchema() }))
  app.post('/api/v1/sql', async (request, reply) => node.sql(parseBody(sqlRequest, request.body), requestSignal(reply)))

  queryRoutes(app, node.queries)
  paymentRoutes(app, node.payment)

  app.post(paths.pause.path, async () => node.pause().then(() => node.status()))
  app.post(paths.resume.path, async () => node.resume().then(() => node.status()))
  app.post(paths.drain.path, async () => node.drain().then(() => node.status()))
  app.post('/api/v1/node/stop', async (_request, reply) => {
    node.stop('asked by its owner')
    return reply.status(202).send({ stopping: true })
  })
  const readers = { count: 0 }
  app.get(paths.events.path, async (_request, reply) => sendEvents(reply, node, readers))
}

function tensorRoutes(app: FastifyInstance, node: ControlledNode): void {
  app.get<{ Params: { reference: string } }>('/api/v1/models/:reference/tensors', async (request) => ({
    tensors: await node.tensors(request.params.reference),
  }))
  app.get<{ Params: { reference: string; tensor: string } }>(
    '/api/v1/models/:reference/tensors/:tensor',
    async (request, reply) => {
      const { firstRow: first, lastRow: last = first, stats } = parseBody(tensorQuery, request.query)
      const rows = first === undefined || last === undefined ? {} : { rows: { first, last } }
      const { reference, tensor } = request.params
      return node.tensor(reference, tensor, { ...rows, stats: stats === 'true' }, requestSignal(reply))
    },
  )
  app.get('/api/v1/diff', async (request, reply) => {
    const { a, b } = parseBody(diffQuery, request.query)
    return node.diff(a, b, requestSignal(reply))
  })
}

/**
 * One line of JSON per event, last `{"event":"done",…}` or `{"event":"error",…}`. The status is 200 from the first line on,
 * so errors of long work are told in the stream.
 */
async function streamEvents(
  reply: FastifyReply,
  work: (emit: (event: NodeEvent) => void, signal: AbortSignal) => Promise<Record<string, unknown>>,
): Promise<void> {
  reply.hijack()
  const { raw } = reply
  const signal = requestSignal(reply)
  raw.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  const write = (line: unknown) => writeLine(raw, `${JSON.stringify(line)}\n`)
  try {
    write({ event: 'done', ...(await work(write, signal)) })
  } catch (error) {
    write({ event: 'error', error: errorToWire(error) })
  }
  raw.end()
}

function writeLine(raw: ServerResponse, line: string): void {
  // Progress that a slow reader does not take is dropped, not kept.
  if (!raw.destroyed && raw.writableLength < eventsBufferedBytesMax) raw.write(line)
}

function sendEvents(reply: FastifyReply, node: ControlledNode, readers: { count: number }): void {
  if (readers.count >= eventReadersMax) {
    throw new HartonomousError('ERR_LIMIT', {
      what: 'readers of the event stream',
      limit: eventReadersMax,
      actual: readers.count + 1,
    })
  }
  readers.count++
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive' })
  raw.write(': events of this node\n\n')
  let id = 0
  const unsubscribe = node.subscribe((event) => {
    if (raw.writableLength > eventsBufferedBytesMax) raw.destroy()
    else raw.write(`id: ${++id}\nevent: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`)
  })
  raw.once('close', () => {
    readers.count--
    unsubscribe()
  })
}
