/** What the address of the map keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const nodeColumns = [
  'node',
  'state',
  'region',
  'models',
  'slots',
  'speed',
  'upload',
  'price',
  'stake',
  'score',
  'heard',
] as const
export type NodeColumn = (typeof nodeColumns)[number]

/** What does not fit is left out: an old address still opens. */
const kept = <T extends z.ZodMiniType>(schema: T) => z.catch(z.optional(schema), undefined)
const text = (pattern: RegExp) => kept(z.string().check(z.regex(pattern)))

export const networkSearch = z.object({
  /** States that are shown, with dots between; all unless given. */
  states: text(/^(?:(?:ready|alive|busy|paused|unreachable|stale)(?:\.(?!$)|$))+$/),
  /** ISO 3166-1 alpha-2, or `none`: those that declare none. */
  region: text(/^(?:[A-Z]{2}|none)$/),
  /** Id of a model: nodes that hold some of it. */
  model: text(/^.{1,256}$/),
  /** Beginning or end of a peer id, a region, a version, or a part of the name of a model. */
  q: text(/^.{1,200}$/),
  sort: kept(z.enum(nodeColumns)),
  order: kept(z.enum(['up', 'down'])),
  /** Scale and centre of the map: `2.5,13.4,52.5` is 2.5 times, at 13.4 degrees east and 52.5 north. */
  view: text(/^\d+(?:\.\d+)?(?:,-?\d+(?:\.\d+)?){2}$/),
  /** The node of the box that checks one. */
  check: text(/^.{1,256}$/),
})
export type NetworkSearch = z.output<typeof networkSearch>
