/** The one table of routes of the coordinator, and the types that follow from it. */
import type { z } from 'zod'
import { chainRoutes } from './chain.ts'
import { constitutionRoutes } from './constitution.ts'
import { routesElsewhere } from './elsewhere.ts'
import { healthRoutes } from './health.ts'
import { jobRoutes } from './jobs.ts'
import { keyRoutes } from './keys.ts'
import { modelRoutes } from './models.ts'
import { moneyRoutes } from './money.ts'
import { networkRoutes } from './network.ts'
import type { RouteShape } from './shape.ts'
import { workflowRoutes } from './workflows.ts'

export const routes = {
  ...networkRoutes,
  ...modelRoutes,
  ...jobRoutes,
  ...workflowRoutes,
  ...moneyRoutes,
  ...chainRoutes,
  ...keyRoutes,
  ...constitutionRoutes,
  ...healthRoutes,
}

export type RouteName = keyof typeof routes
export const routeNames = Object.keys(routes) as RouteName[]

/** With those that are served elsewhere: all that a caller can find. */
export const documentedRoutes: Readonly<Record<string, RouteShape>> = { ...routes, ...routesElsewhere }

export function shapeOf(name: RouteName): RouteShape {
  return routes[name]
}

type Part<N extends RouteName, K extends string> =
  (typeof routes)[N] extends Record<K, infer S extends z.ZodType> ? z.output<S> : undefined
export type ParamsOf<N extends RouteName> = Part<N, 'params'>
export type QueryOf<N extends RouteName> = Part<N, 'query'>
export type BodyOf<N extends RouteName> = Part<N, 'body'>
type AnswerOf<N extends RouteName> = (typeof routes)[N]['answer']
/** What the route answers; of a stream, one of its events. */
export type OutputOf<N extends RouteName> =
  AnswerOf<N> extends { schema: infer S extends z.ZodType } ? z.output<S> : string

/** Routes by what they answer. */
export type JsonRoute = { [N in RouteName]: AnswerOf<N> extends { type: 'json' } ? N : never }[RouteName]
export type EventRoute = { [N in RouteName]: AnswerOf<N> extends { type: 'events' } ? N : never }[RouteName]
/** Lists, by the pages of which a caller walks. */
export type PagedRoute = {
  [N in JsonRoute]: QueryOf<N> extends { cursor?: string } ? N : never
}[JsonRoute]

/** What a caller gives: only what the route asks for, and nothing where all of it may be left out. */
type Given<K extends string, V> = V extends undefined
  ? object
  : Record<never, never> extends V
    ? { [P in K]?: V }
    : { [P in K]: V }
export type InputOf<N extends RouteName> = Given<'params', ParamsOf<N>> &
  Given<'query', QueryOf<N>> &
  Given<'body', BodyOf<N>>

export type { RouteScope, RouteShape } from './shape.ts'
