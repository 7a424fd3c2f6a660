/**
 * Loopback is not trust: every page in every browser of this machine can send requests to 127.0.0.1. This guard runs
 * before a body is read and refuses what a foreign page could send:
 *
 * - a foreign `Host`: the page's own name was pointed at 127.0.0.1 (DNS rebinding);
 * - a foreign `Origin`, `null` included, or a `Sec-Fetch-Site` other than same-origin or none (typed into the address bar),
 *   unless a person followed a link here;
 * - anything from another machine, unless it carries the owner's token.
 *
 * A server that is meant for others (the coordinator) names its public URLs and the pages that may call it, and lets every
 * machine through to routes that ask for credentials themselves.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HartonomousError } from '#protocol/errors.ts'
import type { CallerRequest } from './owner-auth.ts'

export interface LoopbackGuardOptions {
  /** Further names by which the owner reaches this node, without a port: `node.lan`. */
  hostNames?: readonly string[]
  /** Where it is reached through a proxy, as origins: `https://coordinator.example`. */
  publicUrls?: readonly string[]
  /** Origins of foreign pages that may call: `https://app.example`. Cookies count for none of them. */
  allowedOrigins?: readonly string[]
  /** Decides about requests from other machines. */
  mayCall: (request: FastifyRequest) => boolean
}

const loopbackNames: readonly string[] = ['127.0.0.1', 'localhost', '[::1]']

/** What a page of another origin may send and read, where it is allowed at all. */
const allowedHeaders =
  'authorization, content-type, idempotency-key, last-event-id, mcp-protocol-version, mcp-session-id, traceparent'
const exposedHeaders = 'location, mcp-session-id, retry-after, retry-after-ms, www-authenticate'
/** Seconds for which a browser remembers the answer to its question. */
const preflightMaxAge = 600

/** An `onRequest` hook on the whole server: also on routes that are added later, and on unknown ones. */
export function loopbackGuard(app: FastifyInstance, options: LoopbackGuardOptions): void {
  const { hostNames = [], publicUrls = [], allowedOrigins = [], mayCall } = options
  const names = [...loopbackNames, ...hostNames.map((name) => name.toLowerCase())]
  const publicHosts = publicUrls.map((url) => new URL(url).host)
  const own = new Set(publicUrls.map((url) => new URL(url).origin))
  const allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase()))
  app.addHook('onRequest', async (request, reply) => {
    const hosts = ownHosts(names, request.socket.localPort)
    checkHost(request, new Set([...hosts, ...publicHosts]))
    const origin = request.headers.origin?.toLowerCase()
    if (origin !== undefined && allowed.has(origin)) {
      admitOrigin(request, reply, origin)
      // Asks only, with no credentials; the call itself comes after it.
      if (isPreflight(request)) return reply.code(204).send()
    } else {
      if (allowed.size > 0) void reply.header('vary', 'origin')
      checkOrigin(request, hosts, own)
    }
    if (!isLoopbackAddress(request.socket.remoteAddress) && !mayCall(request)) {
      throw new HartonomousError('ERR_AUTH', { reason: 'a request from another machine needs the owner token' })
    }
  })
}

/** True where the `Origin` header is there and names the host that was called: a page of ours. */
export function hasOwnOrigin({ headers: { origin, host } }: CallerRequest): boolean {
  return origin !== undefined && origin.toLowerCase().replace(/^https?:\/\//, '') === host?.toLowerCase()
}

export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address)
}

function ownHosts(names: readonly string[], port: number | undefined): Set<string> {
  // Browsers leave port 80 out.
  const suffix = port === 80 ? '' : `:${port}`
  return new Set(names.map((name) => `${name}${suffix}`))
}

function isPreflight(request: FastifyRequest): boolean {
  return request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
}

/** Never with `Access-Control-Allow-Credentials`: a page that is not ours brings its own token, and no cookie. */
function admitOrigin(request: FastifyRequest, reply: FastifyReply, origin: string): void {
  void reply.headers({ vary: 'origin', 'access-control-allow-origin': origin })
  void reply.header('access-control-expose-headers', exposedHeaders)
  if (!isPreflight(request)) return
  void reply.headers({
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': allowedHeaders,
    'access-control-max-age': String(preflightMaxAge),
  })
}

function checkHost(request: FastifyRequest, hosts: ReadonlySet<string>): void {
  const host = request.headers.host?.toLowerCase()
  // A request line with a whole URL names a host of its own, which routers may prefer.
  if (host !== undefined && hosts.has(host) && request.raw.url?.startsWith('/')) return
  refuse(`the Host header ${JSON.stringify(host ?? '')} is not this node`)
}

function checkOrigin(request: FastifyRequest, hosts: ReadonlySet<string>, publicOrigins: ReadonlySet<string>): void {
  const origin = request.headers.origin?.toLowerCase()
  const isOwn =
    origin !== undefined &&
    (publicOrigins.has(origin) || (origin.startsWith('http://') && hosts.has(origin.slice('http://'.length))))
  if (origin !== undefined && !isOwn) refuse('the request comes from a foreign page')
  const site = request.headers['sec-fetch-site']
  if (site === undefined || site === 'same-origin' || site === 'none' || isFollowedLink(request)) return
  refuse('the request comes from a foreign page')
}

/**
 * A link from elsewhere was followed: the browser shows the answer to the person and to no page. It brings no cookie of ours
 * (SameSite=Strict), and our pages let nobody frame them.
 */
function isFollowedLink({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}

function refuse(reason: string): never {
  throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: 'the request', reason: reason.slice(0, 200) })
}
