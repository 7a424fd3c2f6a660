/** `hart sql`: read-only SQL on the node's shard. */
import { text as readText } from 'node:stream/consumers'
import type { SqlSchemaView, SqlView } from '#protocol/api/control.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'

/** Wider cells than this are cut on a terminal; `--json` has all of them. */
const cellWidthMax = 60

export const sql: Command = {
  name: 'sql',
  summary: 'Read-only SQL on what this node knows: models, components, extents, releases, peers.',
  usage: '["SELECT …"]',
  positionalsMax: 1,
  options: { views: { type: 'boolean' }, rows: { type: 'string' }, seconds: { type: 'string' } },
  optionHelp: {
    views: { help: 'list the views and their columns' },
    rows: { value: 'N', help: 'rows at most (default 1000, up to 10000)' },
    seconds: { value: 'N', help: 'time at most (default 10, up to 60)' },
  },
  examples: [
    'hart sql "select kind, count(*), sum(size_bytes) from component group by kind"',
    'hart sql --views',
    'hart sql --json < query.sql',
  ],
  async run(context) {
    return flagOption(context, 'views') ? showViews(context) : query(context)
  },
}

async function query(context: CommandContext): Promise<number> {
  const { output, positionals } = context
  if (positionals[0] === undefined && process.stdin.isTTY)
    throw new HartonomousError('ERR_USAGE', { message: 'hart sql "SELECT …", or hart sql --views for what there is' })
  const rowsMax = countOption(context, 'rows')
  const seconds = countOption(context, 'seconds')
  const answer = await (await context.connect()).post<SqlView>('/api/v1/sql', {
    sql: positionals[0] ?? (await readText(process.stdin)),
    ...(rowsMax === undefined ? {} : { rowsMax }),
    ...(seconds === undefined ? {} : { timeoutMs: seconds * second }),
  })
  if (output.json) {
    output.value(answer)
    return 0
  }
  output.table(
    answer.columns,
    answer.rows.map((row) => row.map((value) => cell(value, output.isTerminal))),
  )
  const { length } = answer.rows
  const more = answer.isTruncated ? ', and there are more: --rows N' : ''
  output.note(`${length} ${length === 1 ? 'row' : 'rows'} in ${answer.durationMs} ms${more}`)
  return 0
}

async function showViews(context: CommandContext): Promise<number> {
  const { output } = context
  const { views } = await (await context.connect()).get<{ views: SqlSchemaView[] }>('/api/v1/sql')
  if (output.json) output.value(views)
  else
    for (const { name, meaning, columns } of views) {
      output.line(`${output.paint('bold', name)}  ${output.paint('dim', meaning)}`)
      for (const column of columns)
        output.line(`  ${column.name.padEnd(18)} ${column.type.padEnd(8)} ${column.meaning}`)
    }
  return 0
}

function cell(value: string | number | null, isCut: boolean): string {
  const text = value === null ? '-' : String(value).replaceAll(/\s+/g, ' ')
  return isCut && text.length > cellWidthMax ? `${text.slice(0, cellWidthMax - 1)}…` : text
}

/** @throws {ERR_USAGE} */
function countOption(context: CommandContext, name: string): number | undefined {
  const text = textOption(context, name)
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new HartonomousError('ERR_USAGE', { message: `--${name} ${text}: write a whole number from 1` })
  return Number(text)
}
