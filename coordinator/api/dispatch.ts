/** One way to a handler, from every face: the right is checked, then what was sent, then the services are called. */
import type { z } from 'zod'
import type { CallRoute } from '#protocol/api/client.ts'
import { parsePart } from '#protocol/api/issue.ts'
import { type JsonRoute, type RouteName, type RouteShape, shapeOf } from '#protocol/api/routes/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { type Identity, refuseAction } from '../identity.ts'
import type { Handlers } from './handlers.ts'

export interface Given {
  params?: unknown
  query?: unknown
  body?: unknown
  signal: AbortSignal
  idempotencyKey?: string
  traceparent?: string
}

/** @throws {ERR_FORBIDDEN} */
export function assertScope(identity: Identity, name: RouteName): void {
  const { scope, method, path } = shapeOf(name)
  if (scope === 'open' || scope === 'any' || identity.scopes.has(scope)) return
  refuseAction(identity, `${method} ${path}`, `it needs the scope ${scope}`)
}

/** What a route takes, checked. @throws {ERR_USAGE} naming the field */
export function decode(shape: RouteShape, { params, query, body }: Given) {
  return {
    params: part(shape.params, params, 'path'),
    query: decodeQuery(shape, query),
    body: part(shape.body, body, 'body'),
  }
}

/** Of a route without a query every parameter is unknown. */
export function decodeQuery(shape: RouteShape, query: unknown = {}): unknown {
  const unknown = shape.query === undefined ? Object.keys(query as object)[0] : undefined
  if (unknown === undefined) return part(shape.query, query, 'query')
  throw new HartonomousError('ERR_USAGE', { message: `query: Unrecognized key: ${JSON.stringify(unknown)}` })
}

function part(schema: z.ZodType | undefined, value: unknown, what: 'path' | 'query' | 'body'): unknown {
  return schema === undefined ? undefined : parsePart(schema, value ?? {}, what)
}

export type Dispatch = (name: JsonRoute, identity: Identity, given: Given) => Promise<unknown>

export function createDispatch(handlers: Handlers): Dispatch {
  return (name, identity, given) => {
    const { signal, idempotencyKey, traceparent } = given
    const call = {
      identity,
      ...decode(shapeOf(name), given),
      signal,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(traceparent === undefined ? {} : { traceparent }),
    }
    // The table holds for each name the handler of just this call.
    return (handlers[name] as (call: unknown) => Promise<unknown>)(call)
  }
}

/** The client's `call` without HTTP, for one who is known already. */
export function callAs(identity: Identity, dispatch: Dispatch, outer: AbortSignal): CallRoute {
  return async (name, input, { signal = outer, idempotencyKey } = {}) => {
    assertScope(identity, name)
    const given: Given = { ...input, signal, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }
    return (await dispatch(name, identity, given)) as never
  }
}
