/**
 * Loopback is not trust: every page in every browser of this machine can send requests to 127.0.0.1. This guard runs
 * before a body is read and refuses what a foreign page could send:
 *
 * - a foreign `Host`: the page's own name was pointed at 127.0.0.1 (DNS rebinding);
 * - a foreign `Origin`, `null` included, or a `Sec-Fetch-Site` other than same-origin or none (typed into the address bar);
 * - anything from another machine, unless it carries the owner's token.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HartonomousError } from '#protocol/errors.ts'

export interface LoopbackGuardOptions {
  /** Further names by which the owner reaches this node, without a port: `node.lan`. */
  hostNames?: readonly string[]
  /** Decides about requests from other machines. */
  isOwner: (request: FastifyRequest) => boolean
}

const loopbackNames: readonly string[] = ['127.0.0.1', 'localhost', '[::1]']

/** An `onRequest` hook on the whole server: also on routes that are added later, and on unknown ones. */
export function loopbackGuard(app: FastifyInstance, { hostNames = [], isOwner }: LoopbackGuardOptions): void {
  const names = new Set([...loopbackNames, ...hostNames.map((name) => name.toLowerCase())])
  app.addHook('onRequest', async (request) => {
    const hosts = ownHosts(names, request.socket.localPort)
    checkHost(request, hosts)
    checkOrigin(request, hosts)
    if (!isLoopbackAddress(request.socket.remoteAddress) && !isOwner(request)) {
      throw new HartonomousError('ERR_AUTH', { reason: 'a request from another machine needs the owner token' })
    }
  })
}

/** True where the `Origin` header is there and our own: `loopbackGuard` let no other one pass. */
export function hasOwnOrigin(request: FastifyRequest): boolean {
  return request.headers.origin !== undefined
}

export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address)
}

function ownHosts(names: ReadonlySet<string>, port: number | undefined): Set<string> {
  // Browsers leave port 80 out.
  const suffix = port === 80 ? '' : `:${port}`
  return new Set(Array.from(names, (name) => `${name}${suffix}`))
}

function checkHost(request: FastifyRequest, hosts: ReadonlySet<string>): void {
  const host = request.headers.host?.toLowerCase()
  // A request line with a whole URL names a host of its own, which routers may prefer.
  if (host !== undefined && hosts.has(host) && request.raw.url?.startsWith('/')) return
  refuse(`the Host header ${JSON.stringify(host ?? '')} is not this node`)
}

function checkOrigin(request: FastifyRequest, hosts: ReadonlySet<string>): void {
  const { origin } = request.headers
  const isOwn = origin?.startsWith('http://') && hosts.has(origin.slice('http://'.length).toLowerCase())
  if (origin !== undefined && !isOwn) refuse('the request comes from a foreign page')
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') refuse('the request comes from a foreign page')
}

function refuse(reason: string): never {
  throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: 'the request', reason: reason.slice(0, 200) })
}
