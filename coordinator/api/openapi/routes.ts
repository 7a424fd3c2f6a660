/** The document and its page; both are made once. */
import type { FastifyInstance } from 'fastify'
import { openApiDocument } from './document.ts'
import { openApiPage } from './page.ts'

export function openApiRoutes(app: FastifyInstance, version: string): void {
  const document = openApiDocument(version)
  const json = Buffer.from(JSON.stringify(document))
  const page = Buffer.from(openApiPage(document))
  app.get('/openapi.json', async (_request, reply) => reply.type('application/json; charset=utf-8').send(json))
  app.get('/docs', async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      )
      .send(page),
  )
}
