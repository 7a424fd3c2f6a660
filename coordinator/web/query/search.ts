/** What the address of the query page keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

/** What cannot be read is left out: an old link still opens its page. */
const kept = <T extends z.ZodMiniType>(schema: T) => z.catch(z.optional(schema), undefined)
const text = (bytesMax: number) => kept(z.string().check(z.maxLength(bytesMax)))

export const querySearch = z.object({
  view: kept(z.enum(['find', 'sql'])),
  /** Query text as it was run. */
  q: text(4096),
  scope: kept(z.enum(['local', 'swarm'])),
  limit: kept(z.int().check(z.gte(1), z.lte(1000))),
  /** Chosen rows, `MODELID/KEY` with spaces between. */
  chosen: text(65_536),
  /** What is added to the chosen rows when loading is planned. */
  closure: kept(z.enum(['part', 'whole'])),
  /** SQL as it was run. */
  sql: text(65_536),
})
export type QuerySearch = z.output<typeof querySearch>
