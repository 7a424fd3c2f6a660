/** Decides what a query may touch, as an authorizer of SQLite: asked at compile time, before anything runs. */
import { constants } from 'node:sqlite'
import { shardViews } from '../../../console/views.ts'
import { innerName, shardTables } from './views.ts'

/** Names of the built-in functions that only compute. What is not here is refused: no files, no extensions, no internals. */
const functions = new Set(
  `abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count cume_dist
  current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format glob
  group_concat hex if ifnull iif instr json json_array json_array_length json_each json_error_position json_extract
  json_group_array json_group_object json_insert json_object json_patch json_pretty json_quote json_remove json_replace
  json_set json_tree json_type json_valid jsonb jsonb_extract julianday lag last_value lead length like likelihood likely
  ln log log10 log2 lower ltrim max median min mod nth_value ntile nullif octet_length percent_rank percentile
  percentile_cont percentile_disc pi pow power printf quote radians random randomblob rank replace round row_number rtrim
  sign sin sinh sqrt strftime string_agg substr substring subtype sum tan tanh time timediff total trim trunc typeof
  unhex unicode unistr unistr_quote unixepoch unlikely upper zeroblob -> ->>`.split(/\s+/),
)

/** Table-valued functions that only compute. */
const tableFunctions = new Set(['json_each', 'json_tree'])

export type Authorizer = (
  action: number,
  first: string | null,
  second: string | null,
  database: string | null,
  through: string | null,
) => number

/** `taken` are the names that exist in the database itself. */
export function createAuthorizer(secret: string, taken: readonly string[]): Authorizer {
  const existing = new Set(taken.map((name) => name.toLowerCase()))
  const inner = new Set(shardTables.map((table) => innerName(secret, table)))
  const tables = new Set<string>(shardTables)
  // What lies in the temporary schema under these names was made by us: the query cannot make anything.
  const readable = new Set([...inner, innerName(secret, 'peer'), ...shardViews.map((view) => view.name)])
  const mayRead = (name: string, database: string | undefined, through: string | null) => {
    if (database === 'main' && tables.has(name) && through !== null && inner.has(through)) return true
    if ((database === 'temp' || database === undefined) && readable.has(name)) return true
    if (tableFunctions.has(name)) return true
    // Without columns (`count(*)`) it is told as written, with no database: a common table expression, whose own reads are
    // asked about one by one, or else a table.
    return database === undefined && !existing.has(name) && !/^(sqlite|pragma|dbstat)/.test(name)
  }
  return (action, first, second, database, through) => {
    if (action === constants.SQLITE_SELECT || action === constants.SQLITE_RECURSIVE) return constants.SQLITE_OK
    if (action === constants.SQLITE_FUNCTION && functions.has((second ?? '').toLowerCase())) return constants.SQLITE_OK
    if (action === constants.SQLITE_READ && mayRead((first ?? '').toLowerCase(), database?.toLowerCase(), through))
      return constants.SQLITE_OK
    return constants.SQLITE_DENY
  }
}
