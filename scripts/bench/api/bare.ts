/** The baseline of the api bench: fastify with one route, which sends as many bytes as it is asked for and makes none of them. */
import fastify from 'fastify'

export interface BareRequest {
  /** A body of each. */
  bodyBytes: number[]
}

process.on('message', ({ bodyBytes }: BareRequest) => {
  const app = fastify()
  for (const bytes of new Set(bodyBytes)) {
    const body = Buffer.from(JSON.stringify('x'.repeat(bytes - 2)))
    app.get(`/${bytes}`, async (_request, reply) => reply.type('application/json; charset=utf-8').send(body))
  }
  app.listen({ host: '127.0.0.1', port: 0 }).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
