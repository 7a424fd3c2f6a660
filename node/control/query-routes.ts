/** Routes of the query engine. Found rows and plans are JSON; loaded bytes are bytes, as many as the plan says. */
import type { FastifyInstance } from 'fastify'
import { closureRequest, findRequest, loadRequest, walkRequest } from '#protocol/api/query.ts'
import { drained, parseBody, requestSignal } from './request.ts'
import type { ControlledQueries } from './types.ts'

export function queryRoutes(app: FastifyInstance, queries: ControlledQueries): void {
  app.post('/api/v1/query', async (request, reply) =>
    queries.find(parseBody(findRequest, request.body), requestSignal(reply)),
  )
  app.post('/api/v1/query/walk', async (request, reply) =>
    queries.walk(parseBody(walkRequest, request.body), requestSignal(reply)),
  )
  app.post('/api/v1/query/closure', async (request, reply) =>
    queries.closure(parseBody(closureRequest, request.body), requestSignal(reply)),
  )
  app.post('/api/v1/query/plan', async (request, reply) => ({
    plans: await queries.plan(parseBody(loadRequest, request.body), requestSignal(reply)),
  }))
  app.post('/api/v1/query/runnable', async (request, reply) =>
    queries.assertRunnable(parseBody(loadRequest, request.body), requestSignal(reply)),
  )
  app.post('/api/v1/query/load', async (request, reply) => {
    const body = parseBody(loadRequest, request.body)
    const signal = requestSignal(reply)
    const plans = await queries.plan(body, signal)
    const chunks = queries.load(plans, signal)
    // The first chunk is awaited, so that what fails at once fails with a status. Later a broken connection says it: fewer
    // bytes than the length.
    const first = await chunks.next()
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': plans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      'cache-control': 'no-store',
    })
    try {
      for (let part = first; !part.done; part = await chunks.next())
        if (!raw.write(part.value)) await drained(raw, signal)
      raw.end()
    } catch (error) {
      raw.destroy(error instanceof Error ? error : new Error(String(error)))
    } finally {
      await chunks.return(undefined)
    }
  })
}
