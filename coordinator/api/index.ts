/** The faces of the coordinator: REST, events, the OpenAPI document with its page, and tools for agents. */
import type { FastifyInstance } from 'fastify'
import { createDispatch } from './dispatch.ts'
import { EventReaders } from './events/readers.ts'
import { createHandlers } from './handlers.ts'
import { mcpRoutes } from './mcp/routes.ts'
import { openApiRoutes } from './openapi/routes.ts'
import { restRoutes } from './rest/routes.ts'
import type { ApiServices } from './services.ts'

export { ChangeFeed } from './events/change-feed.ts'
export type { ApiServices } from './services.ts'

/** Adds all routes to a server that guards itself against foreign pages; they end with it. */
export async function registerApi(server: FastifyInstance, services: ApiServices): Promise<void> {
  const dispatch = createDispatch(createHandlers(services))
  const readers = new EventReaders()
  await server.register(async (app) => {
    // Streams are told to end before the server waits for its connections.
    app.addHook('preClose', async () => readers.close())
    restRoutes(app, { services, dispatch, readers })
    mcpRoutes(app, services, dispatch)
    openApiRoutes(app, services.node.version)
  })
}
