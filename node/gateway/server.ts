/** The node's one HTTP server. Routes are added by whoever has something to say; the guard stands before all of them. */
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { HartonomousError } from '#protocol/errors.ts'
import { httpBodyBytesMax } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'
import { sendError } from './errors.ts'
import { loopbackGuard } from './loopback-guard.ts'
import { type OwnerAuth, sessionRoutes } from './owner-auth.ts'

export interface HttpServerOptions {
  host: string
  /** 0 takes any free one. */
  port: number
  auth: OwnerAuth
  /** Further names by which the owner reaches this node. */
  hostNames?: readonly string[]
  /** Of a server that others call: where it is reached through a proxy, and which foreign pages may call it. */
  publicUrls?: readonly string[]
  allowedOrigins?: readonly string[]
  /** Other machines may call, because each route asks for credentials itself; otherwise they need the owner's token. */
  isPublic?: boolean
}

export interface HttpServer {
  /** Add routes before `listen`. */
  app: FastifyInstance
  /** @throws {ERR_PORT_IN_USE} {ERR_IO} */
  listen(): Promise<{ url: string; port: number }>
  /** Ends open streams too. */
  close(): Promise<void>
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { host, port, auth, hostNames = [], publicUrls = [], allowedOrigins = [], isPublic = false } = options
  const app = fastify({
    bodyLimit: httpBodyBytesMax,
    logger: false,
    forceCloseConnections: true,
    // A client that sends its request byte by byte holds a socket no longer than this. Answers may take any time.
    requestTimeout: minute,
    keepAliveTimeout: 30 * second,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
  })
  // A page can post text/plain anywhere without asking first; JSON it cannot.
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply))
  app.setNotFoundHandler((request, reply) =>
    sendError(new HartonomousError('ERR_NOT_FOUND', { kind: 'route', id: routeOf(request) }), request, reply),
  )
  const mayCall = (request: FastifyRequest) => isPublic || auth.isOwner(request)
  loopbackGuard(app, { hostNames, publicUrls, allowedOrigins, mayCall })
  app.addHook('onSend', async (_request, reply) => {
    void reply.header('x-content-type-options', 'nosniff')
  })
  sessionRoutes(app, auth)
  return {
    app,
    listen: () => listen(app, host, port),
    close: () => app.close(),
  }
}

/** A hook for the control routes: `{ onRequest: ownerOnly(auth) }`. */
export function ownerOnly(auth: OwnerAuth): (request: Parameters<OwnerAuth['assertOwner']>[0]) => Promise<void> {
  return async (request) => auth.assertOwner(request)
}

function routeOf({ method, url }: { method: string; url: string }): string {
  return `${method} ${url.split('?')[0]!.slice(0, 200)}`
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<{ url: string; port: number }> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      throw new HartonomousError('ERR_PORT_IN_USE', { what: 'API', address: `${host}:${port}` }, { cause: error })
    const reason = error instanceof Error ? error.message : String(error)
    throw new HartonomousError('ERR_IO', { path: `${host}:${port}`, reason }, { cause: error })
  }
  const address = app.server.address()
  const actual = typeof address === 'object' && address !== null ? address.port : port
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return { url: `http://${name}:${actual}`, port: actual }
}
