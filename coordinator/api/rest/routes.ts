/** The table of routes on a fastify server: who calls, what was sent, the handler, and its answer as bytes. */
import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendError, startHttpSpan } from '#node/gateway/index.ts'
import type { Span } from '#node/telemetry/index.ts'
import type { JobResult } from '#protocol/api/jobs.ts'
import {
  type JsonRoute,
  type ParamsOf,
  type QueryOf,
  type RouteName,
  routeNames,
  shapeOf,
} from '#protocol/api/routes/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { httpBodyBytesMax } from '#protocol/limits.ts'
import type { Identity } from '../../identity.ts'
import { assertScope, type Dispatch, decode, decodeQuery, type Given } from '../dispatch.ts'
import { sendJobEvents } from '../events/job-stream.ts'
import type { EventReaders } from '../events/readers.ts'
import type { ApiServices } from '../services.ts'
import { HotAnswers } from './hot-answers.ts'
import { batchFromLines, resultToLines } from './jsonl.ts'

const json = 'application/json; charset=utf-8'
export const linesTypes = ['application/jsonl', 'application/x-ndjson']

/** About the swarm: the same for all who may ask. */
const hotRoutes: ReadonlySet<RouteName> = new Set<RouteName>([
  'listNodes',
  'getNode',
  'networkChanges',
  'listNetworkEvents',
  'listModels',
  'listReleases',
  'listStakes',
  'chainState',
  'account',
  'accountRewards',
  'listDelegates',
  'getDelegate',
])

export interface RestDependencies {
  services: ApiServices
  dispatch: Dispatch
  readers: EventReaders
}

export function restRoutes(app: FastifyInstance, dependencies: RestDependencies): void {
  const { services } = dependencies
  const { tracer } = services
  const identities = new WeakMap<FastifyRequest, Identity>()
  const rest = {
    ...dependencies,
    hot: new HotAnswers(),
    spans: new WeakMap<FastifyRequest, Span>(),
    etagRun: randomBytes(4).toString('hex'),
  }
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply))
  app.addContentTypeParser(linesTypes, { parseAs: 'string', bodyLimit: httpBodyBytesMax }, (_request, body, done) =>
    done(null, body),
  )
  for (const name of routeNames) {
    const { method, path, scope, answer } = shapeOf(name)
    app.route({
      method,
      url: path.replace(/\{(\w+)\}/g, ':$1'),
      exposeHeadRoute: answer.type !== 'events',
      // Before the body is read: who may not call sends nothing.
      onRequest: async (request) => {
        if (scope === 'open') return
        const identity = await services.identify(request)
        assertScope(identity, name)
        identities.set(request, identity)
      },
      handler: async (request, reply) => {
        // Probes and scrapes cause nothing, and would drown what does.
        if (tracer.isOn && scope !== 'open') rest.spans.set(request, startHttpSpan(tracer, request, reply))
        return answerTo(name, identities.get(request) as Identity, request, reply, rest)
      },
    })
  }
}

interface Rest extends RestDependencies {
  hot: HotAnswers
  /** What a request causes hangs below its span. */
  spans: WeakMap<FastifyRequest, Span>
  /** Revisions begin anew with each run; tags do not. */
  etagRun: string
}

async function answerTo(
  name: RouteName,
  identity: Identity,
  request: FastifyRequest,
  reply: FastifyReply,
  rest: Rest,
): Promise<unknown> {
  const { services, readers } = rest
  const shape = shapeOf(name)
  switch (name) {
    case 'events': {
      decodeQuery(shape, request.query)
      return services.changes.read(readers, reply, identity.tenant, headerOf(request, 'last-event-id'))
    }
    case 'jobEvents': {
      const { params, query } = decode(shape, givenOf(request, reply, rest))
      const { jobId } = params as ParamsOf<'jobEvents'>
      const after = afterOf(headerOf(request, 'last-event-id'), query as QueryOf<'jobEvents'>)
      await services.jobs.get(identity, jobId)
      const of = { tenant: identity.tenant, jobId }
      return sendJobEvents(readers, reply, of, (signal) => services.jobs.events(identity, jobId, after, signal))
    }
    case 'metrics': {
      reply.type('text/plain; version=0.0.4; charset=utf-8')
      return `${await services.node.metrics()}${(await services.metrics?.()) ?? ''}`
    }
    case 'networkSnapshot': {
      decodeQuery(shape, request.query)
      return sendSnapshot(request, reply, rest)
    }
    default:
      return sendJson(name, identity, request, reply, rest)
  }
}

async function sendJson(
  name: JsonRoute,
  identity: Identity,
  request: FastifyRequest,
  reply: FastifyReply,
  rest: Rest,
): Promise<unknown> {
  const { dispatch, hot } = rest
  const given = givenOf(request, reply, rest)
  if (hotRoutes.has(name)) {
    reply.type(json)
    // Work for many does not end with one of them.
    const shared = { ...given, signal: new AbortController().signal }
    return hot.get(request.url, performance.now(), () => dispatch(name, identity, shared))
  }
  if (name === 'submitJob' && typeof request.body === 'string') {
    const query = decodeQuery(shapeOf(name), request.query) as QueryOf<'submitJob'>
    given.body = batchFromLines(request.body, query)
  }
  const value = await dispatch(name, identity, given)
  if (name === 'readyz') reply.code((value as { ready: boolean }).ready ? 200 : 503)
  else reply.code(shapeOf(name).status ?? 200)
  if (name === 'submitJob') reply.header('location', `/api/v1/jobs/${(value as { jobId: string }).jobId}`)
  if (name === 'jobResult' && linesTypes.some((type) => request.headers.accept?.includes(type))) {
    reply.type('application/jsonl')
    return resultToLines(value as JobResult)
  }
  reply.type(json)
  return JSON.stringify(value)
}

/** The bytes as the registry has them: 10,000 nodes are some MiB, and many look on. */
function sendSnapshot(request: FastifyRequest, reply: FastifyReply, { services, etagRun }: Rest): unknown {
  const bytes = services.registry.snapshotJson()
  const revision = /^\{"revision":(\d+)/.exec(bytes.toString('latin1', 0, 40))?.[1]
  reply.header('cache-control', 'no-cache')
  if (revision !== undefined) {
    const etag = `W/"${etagRun}-${revision}"`
    reply.header('etag', etag)
    if (headerOf(request, 'if-none-match') === etag) return reply.code(304).send()
  }
  return reply.type(json).send(bytes)
}

function givenOf(request: FastifyRequest, reply: FastifyReply, { spans }: Rest): Given {
  const { params, query, body } = request
  const idempotencyKey = headerOf(request, 'idempotency-key')
  const traceparent = spans.get(request)?.traceparent ?? headerOf(request, 'traceparent')
  return {
    params,
    query,
    body,
    signal: goneSignal(reply),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(traceparent === undefined ? {} : { traceparent }),
  }
}

/** Aborts when the caller goes away before the answer was sent. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the caller went away'))
  })
  return controller.signal
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A reader that comes back says it in the header; who begins may say it in the query. */
function afterOf(lastEventId: string | undefined, { after = 0 }: QueryOf<'jobEvents'>): number {
  if (lastEventId === undefined) return after
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId)
  throw new HartonomousError('ERR_USAGE', { message: 'Last-Event-ID: not one of this stream', param: 'Last-Event-ID' })
}
