/**
 * Routes of a node's control API that its page calls: each path once, for the server that registers it and the client that
 * calls it, with the types of what it carries. No schemas: a page checks nothing that its own node says.
 */
import type { ModelView, PeerView, StatusView } from '../control.ts'
import type { EarningsHistoryView, EarningsView } from '../earnings.ts'
import type { SettingsChangeView, SettingsRequest, SettingsView } from '../settings.ts'

export interface ControlRoute<Answer, Input = undefined> {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  /** Never called, never there: it carries the types. */
  readonly types?: (input: Input) => Answer
}

function control<Answer, Input = undefined>(method: 'GET' | 'POST' | 'PUT', path: string): ControlRoute<Answer, Input> {
  return { method, path }
}

/** Of a `GET` the input is its query, of all others the body. */
export const controlRoutes = {
  status: control<StatusView>('GET', '/api/v1/status'),
  settings: control<SettingsView>('GET', '/api/v1/settings'),
  changeSettings: control<SettingsChangeView, SettingsRequest>('PUT', '/api/v1/settings'),
  peers: control<{ peers: PeerView[] }>('GET', '/api/v1/peers'),
  models: control<{ models: ModelView[] }>('GET', '/api/v1/models'),
  earnings: control<EarningsView>('GET', '/api/v1/earnings'),
  earningsHistory: control<EarningsHistoryView, { bucket: 'hour' | 'day'; count: number; entries: number }>(
    'GET',
    '/api/v1/earnings/history',
  ),
  pause: control<StatusView>('POST', '/api/v1/node/pause'),
  resume: control<StatusView>('POST', '/api/v1/node/resume'),
  drain: control<StatusView>('POST', '/api/v1/node/drain'),
  /** Server-sent events, see `NodeEvent`. */
  events: control<never>('GET', '/api/v1/events'),
} as const

export type ControlRouteName = Exclude<keyof typeof controlRoutes, 'events'>
type TypesOf<N extends ControlRouteName> =
  (typeof controlRoutes)[N] extends ControlRoute<infer A, infer I> ? [A, I] : never
export type ControlAnswer<N extends ControlRouteName> = TypesOf<N>[0]
export type ControlInput<N extends ControlRouteName> = TypesOf<N>[1]
