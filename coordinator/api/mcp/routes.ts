/** `/mcp`, behind the same question of who calls as every other route. */
import type { FastifyInstance } from 'fastify'
import { isVisitor, refuseAction } from '../../identity.ts'
import type { Dispatch } from '../dispatch.ts'
import type { ApiServices } from '../services.ts'
import type { McpHttp } from './http.ts'

export function mcpRoutes(app: FastifyInstance, { identify, node }: ApiServices, dispatch: Dispatch): void {
  let http: Promise<McpHttp> | undefined
  app.addHook('onClose', async () => (await http)?.close())
  app.route({
    // The specification answers GET and DELETE of earlier revisions with 405; the handler says so itself.
    method: ['GET', 'POST', 'DELETE'],
    url: '/mcp',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const identity = await identify(request)
      // Agents act for somebody.
      if (isVisitor(identity)) refuseAction(identity, 'the tools', 'they need credentials')
      // Loaded when an agent comes: most coordinators see none in their first hour.
      http ??= import('./http.ts').then(({ createMcpHttp }) => createMcpHttp(dispatch, node.version))
      await (await http).handle(identity, request, reply)
    },
  })
}
