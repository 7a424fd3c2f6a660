/** `hart tensor`: the weights of a model, as numbers, figures and pictures. */
import { writeFile } from 'node:fs/promises'
import { loadNative } from '#native/index.ts'
import type { TensorDetailView, TensorStatsView, TensorView } from '#protocol/api/control.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { formatBytes } from '#protocol/units.ts'
import {
  drawTensor,
  encodePng,
  heatLevels,
  openModelFile,
  type RowRange,
  showTensor,
  viewTensor,
} from '../../peek/index.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { modelPath } from '../model-source.ts'
import type { Output } from '../output.ts'

export const tensorLs: Command = {
  name: 'tensor ls',
  aliases: ['tensor list', 'tensors'],
  summary: 'The tensors of a model: type, shape, size, and whether they are here.',
  usage: 'MODEL',
  positionalsMin: 1,
  examples: ['hart tensor ls hartling-f16', 'hart tensor ls ~/models/llama.gguf --json'],
  async run(context) {
    const { output, positionals } = context
    const tensors = await listTensors(context, positionals[0]!)
    if (output.json) output.value(tensors)
    else
      output.table(
        ['tensor', 'type', 'shape', 'size', 'held', 'component'],
        tensors.map(({ name, dtype, shape, sizeBytes, isHeld, isReadable, component }) => [
          name,
          isReadable ? dtype : `${dtype} (opaque)`,
          shape.join(' x '),
          formatBytes(sizeBytes),
          isHeld ? 'yes' : 'no',
          component,
        ]),
      )
    return 0
  },
}

async function listTensors(context: CommandContext, model: string): Promise<TensorView[]> {
  const path = modelPath(model)
  if (path !== undefined) return (await openModelFile(path)).tensors.map(viewTensor)
  const client = await context.connect()
  return (await client.get<{ tensors: TensorView[] }>(`/api/v1/models/${encodeURIComponent(model)}/tensors`)).tensors
}

export const tensorShow: Command = {
  name: 'tensor show',
  summary: 'Values and statistics of one tensor; with --png a picture of them.',
  usage: 'MODEL TENSOR',
  positionalsMin: 2,
  options: { rows: { type: 'string' }, stats: { type: 'boolean' }, png: { type: 'string' } },
  optionHelp: {
    rows: { value: 'A-B', help: 'rows, counted from 0 (default: the first three)' },
    stats: { help: 'norms, distribution, spectrum' },
    png: { value: 'FILE', help: 'heat map and histogram as a picture' },
  },
  examples: [
    'hart tensor show hartling-f16 blk.0.attn_q.weight --rows 10-12',
    'hart tensor show ~/models/llama.gguf token_embd.weight --stats',
    'hart tensor show hartling-q8_0 blk.1.ffn_up.weight --png up.png',
  ],
  async run(context) {
    const { output } = context
    const png = textOption(context, 'png')
    const view = await readTensor(context, flagOption(context, 'stats') || png !== undefined)
    if (png !== undefined) await savePicture(png, view)
    if (output.json) output.value(view)
    else {
      const { model, name, dtype, shape, sizeBytes, component } = view
      output.line(`${output.paint('bold', name)} of ${model}`)
      row(output, 'type', `${dtype}, ${shape.join(' x ')}, ${formatBytes(sizeBytes)}, in ${component}`)
      if (view.stats !== undefined) printStats(output, view.stats)
      if (view.rows !== undefined) printRows(output, view.rows)
      if (png !== undefined) output.note(`the picture is in ${png}`)
    }
    return 0
  },
}

const rowsShown = 3

async function readTensor(context: CommandContext, stats: boolean): Promise<TensorDetailView> {
  const [model, tensor] = context.positionals as [string, string]
  const given = parseRows(textOption(context, 'rows'))
  const path = modelPath(model)
  if (path !== undefined) {
    const opened = await openModelFile(path)
    const found = opened.tensors.find(({ name }) => name === tensor)
    const rows = given ?? (stats || found === undefined ? undefined : firstRows(found))
    const options = { stats, signal: context.signal, ...(rows === undefined ? {} : { rows }) }
    return showTensor(loadNative().binding, opened, tensor, options)
  }
  const client = await context.connect()
  const base = `/api/v1/models/${encodeURIComponent(model)}/tensors`
  const read = (rows: RowRange | undefined) => {
    const query = new URLSearchParams({ stats: String(stats) })
    if (rows !== undefined) {
      query.set('firstRow', String(rows.first))
      query.set('lastRow', String(rows.last))
    }
    return client.get<TensorDetailView>(`${base}/${encodeURIComponent(tensor)}?${query}`)
  }
  if (given !== undefined || stats) return read(given)
  return read(firstRows(await read(undefined)))
}

function firstRows({ shape }: Pick<TensorView, 'shape'>): RowRange {
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  return { first: 0, last: Math.max(0, Math.min(rowsShown, rows) - 1) }
}

/** `10-12` or `10`. @throws {ERR_USAGE} */
export function parseRows(text: string | undefined): RowRange | undefined {
  if (text === undefined) return undefined
  const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text)
  const first = Number(match?.[1])
  const last = Number(match?.[2] ?? match?.[1])
  if (match && first <= last) return { first, last }
  throw new HartonomousError('ERR_USAGE', { message: `--rows ${text}: write A-B with A <= B, such as 10-12` })
}

async function savePicture(path: string, { stats }: TensorDetailView): Promise<void> {
  if (stats === undefined) return
  try {
    await writeFile(path, encodePng(drawTensor(stats)))
  } catch (error) {
    throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
  }
}

function row(output: Output, label: string, text: string): void {
  output.line(`${output.paint('dim', label.padEnd(10))} ${text}`)
}

function number(value: number): string {
  return Number(value.toPrecision(6)).toString()
}

function printStats(output: Output, stats: TensorStatsView): void {
  const { count, nonFinite, zeros, l1, l2, maxAbs, mean, deviation, kurtosis, min, max, histogram, grid, spectrum } =
    stats
  row(output, 'values', `${count.toLocaleString('en')}, ${zeros.toLocaleString('en')} zero, ${nonFinite} not finite`)
  row(output, 'norms', `L1 ${number(l1)}  L2 ${number(l2)}  max ${number(maxAbs)}`)
  row(output, 'shape', `mean ${number(mean)}  deviation ${number(deviation)}  kurtosis ${number(kurtosis)}`)
  row(output, 'range', `${number(min)} to ${number(max)}`)
  row(output, 'histogram', output.paint('cyan', bars(histogram.counts)))
  printGrid(output, grid)
  if (spectrum !== undefined) {
    const values = spectrum.values.map((value) => Number(value.toPrecision(3))).join(' ')
    row(output, 'spectrum', `${values}  (largest singular values of ${spectrum.sampleRows} rows)`)
  }
}

const gridRowsShown = 16
const shades = ' ░▒▓█'

/** Evenly chosen cells of the grid: blue below zero, yellow above, fuller for larger values. */
function printGrid(output: Output, { rows, columns, values }: TensorStatsView['grid']): void {
  const [down, across] = [Math.min(rows, gridRowsShown), Math.min(columns, Math.max(16, output.columns - 14), 64)]
  const levels = heatLevels(values)
  const middle = heatLevels([0])[0]!
  for (let y = 0; y < down; y++) {
    const line = Array.from({ length: across }, (_, x) => {
      const cell = Math.floor((y * rows) / down) * columns + Math.floor((x * columns) / across)
      const level = levels[cell]! - middle
      const shade = shades[Math.round((Math.abs(level) / middle) * (shades.length - 1))]!
      return shade === ' ' ? shade : output.paint(level < 0 ? 'blue' : 'yellow', shade)
    })
    row(output, y === 0 ? 'heat map' : '', line.join(''))
  }
}

const heights = '▁▂▃▄▅▆▇█'

/** One letter a bin; what is there at all is not the lowest by rounding alone. */
function bars(counts: readonly number[]): string {
  const highest = Math.max(...counts)
  return counts
    .map((count) => (count === 0 ? ' ' : heights[Math.min(7, Math.floor((8 * count) / Math.max(1, highest)))]))
    .join('')
}

function printRows(output: Output, { first, values }: NonNullable<TensorDetailView['rows']>): void {
  const shown = output.isTerminal ? Math.max(1, Math.floor((output.columns - 14) / 11)) : Number.POSITIVE_INFINITY
  values.forEach((cells, index) => {
    const text = cells.slice(0, shown).map((value) => (value === null ? 'NaN' : value.toPrecision(4)).padStart(10))
    const rest = cells.length - text.length
    row(output, `row ${first + index}`, `${text.join(' ')}${rest > 0 ? ` … ${rest} more` : ''}`)
  })
}
