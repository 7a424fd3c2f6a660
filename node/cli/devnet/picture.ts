/** The board as lines of a terminal. Pure: columns in, styled segments out. */
import { shortId } from '#protocol/ids.ts'
import { formatBytes, formatRate, KiB, MiB } from '#protocol/units.ts'
import type { Board, ModelProgress, NodeProgress } from './board.ts'

export type SegmentStyle = 'plain' | 'dim' | 'bold' | 'green' | 'cyan' | 'yellow' | 'red'

export interface Segment {
  text: string
  style: SegmentStyle
}

export type Line = Segment[]

/** Widths in cells; a column that does not fit is absent. */
export interface Layout {
  strip: number
  hasVerified: boolean
  hasUp: boolean
  hasFrom: boolean
}

const shades = ['░', '▒', '▓', '█'] as const
const indent = '  '
const labelCells = 9
const shareCells = 8
const verifiedCells = 10
const rateCells = 12
/** `1 26 %  2 25 %  3 25 %  4 24 %`, or four rates. */
const fromCells = 34
const stripCellsMin = 12
const stripCellsMax = 44

export function layoutOf(columns: number): Layout {
  const fixed = indent.length + labelCells + shareCells + rateCells
  const from = fixed + fromCells
  const rest = columns - from - verifiedCells - rateCells
  if (rest >= stripCellsMin)
    return { strip: Math.min(stripCellsMax, rest), hasVerified: true, hasUp: true, hasFrom: true }
  const narrow = { hasVerified: false, hasUp: false }
  if (columns - from >= stripCellsMin)
    return { ...narrow, strip: Math.min(stripCellsMax, columns - from), hasFrom: true }
  return { ...narrow, strip: Math.max(4, Math.min(stripCellsMax, columns - fixed)), hasFrom: false }
}

export interface PictureOptions {
  columns: number
  /** What happens now, in one line. */
  phase?: string
}

export function pictureOf(board: Board, options: PictureOptions): Line[] {
  const layout = layoutOf(options.columns)
  const lines = [...titles(board), [], head(layout)]
  for (const node of board.ordered()) lines.push(...nodeLines(board, node, layout))
  lines.push([])
  if (options.phase !== undefined) lines.push([plain(`${indent}${options.phase}`)])
  return lines.map((line) => cut(line, options.columns))
}

function titles(board: Board): Line[] {
  return board
    .models()
    .map((model) => [
      { text: `${indent}${model.name}`, style: 'bold' },
      dim(`  ${formatBytes(model.sizeBytes)} in ${model.chunkCount} chunks  ${shortId(model.modelId)}`),
    ])
}

function head(layout: Layout): Line {
  const text =
    `${indent}${'NODE'.padEnd(labelCells)}${'HOLDS'.padEnd(layout.strip + shareCells)}` +
    `${layout.hasVerified ? 'VERIFIED'.padEnd(verifiedCells) : ''}${'DOWN'.padEnd(rateCells)}` +
    `${layout.hasUp ? 'UP, EARNED'.padEnd(rateCells) : ''}${layout.hasFrom ? 'FROM NODE' : ''}`
  return [dim(text)]
}

function nodeLines(board: Board, node: NodeProgress, layout: Layout): Line[] {
  const label = plain(`${indent}${`${node.index} ${node.role}`.padEnd(labelCells)}`)
  const models = board.models().flatMap((known) => node.models.get(known.modelId) ?? [])
  if (models.length === 0) return [[label, dim(waitingText(node))]]
  return models.map((model, row) => {
    const isWhole = model.heldChunks === model.chunkCount
    const transfer = node.transfers.get(model.modelId)
    const share = Math.floor((100 * model.heldChunks) / Math.max(1, model.chunkCount))
    const down = isWhole || transfer === undefined ? '' : formatRate(transfer.bytesPerSecond)
    const up = row === 0 ? upText(node) : ''
    const line: Line = [
      row === 0 ? label : plain(' '.repeat(indent.length + labelCells)),
      { text: stripOf(model, layout.strip), style: isWhole ? 'green' : 'cyan' },
      plain(`${`${share} %`.padStart(shareCells - 2)}  `),
    ]
    if (layout.hasVerified)
      line.push(plain((node.role === 'seed' ? 'own file' : verifiedText(model, transfer)).padEnd(verifiedCells)))
    line.push({ text: down.padEnd(rateCells), style: 'cyan' })
    if (layout.hasUp) line.push({ text: up.padEnd(rateCells), style: 'yellow' })
    if (layout.hasFrom && transfer !== undefined) line.push(plain(fromText(board, transfer.sources, isWhole)))
    return line
  })
}

/** What goes out now; afterwards what it brought. */
function upText({ uploadBytesPerSecond, earnedWei }: NodeProgress): string {
  if (uploadBytesPerSecond > 0) return formatRate(uploadBytesPerSecond)
  return earnedWei > 0n ? `${shortHart(earnedWei)} HART` : ''
}

/** Four decimals: for a glance, not for the books. */
export function shortHart(amountWei: bigint): string {
  return (Number(amountWei / 10n ** 12n) / 1e6).toFixed(4)
}

function waitingText(node: NodeProgress): string {
  if (node.state === 'starting') return 'starting'
  return node.role === 'seed' ? 'hashing its file' : 'joined, looking around'
}

function verifiedText(
  model: ModelProgress,
  transfer: { chunksVerified: number; chunksRejected: number } | undefined,
): string {
  const rejected = transfer?.chunksRejected ?? 0
  return rejected > 0 ? `${model.heldChunks}, ${rejected} bad` : `${model.heldChunks}/${model.chunkCount}`
}

type Sources = readonly { peerId: string; bytes: number; bytesPerSecond: number }[]

/** While bytes come: the rate of each source, in one unit; afterwards the share of each. */
export function fromText(board: Board, sources: Sources, isWhole: boolean): string {
  if (isWhole) return sharesOf(sources, board).join('  ')
  const active = sources
    .filter((source) => source.bytesPerSecond > 0)
    .sort((a, b) => board.label(a.peerId).localeCompare(board.label(b.peerId)))
  if (active.length === 0) return ''
  const isLarge = Math.max(...active.map((source) => source.bytesPerSecond)) >= MiB
  const rates = active.map(
    ({ peerId, bytesPerSecond }) =>
      `${board.label(peerId)} ${isLarge ? (bytesPerSecond / MiB).toFixed(1) : Math.round(bytesPerSecond / KiB)}`,
  )
  return `${rates.join('  ')} ${isLarge ? 'MiB/s' : 'KiB/s'}`
}

/** Each cell stands for a run of chunks; its shade for how many of them are held. */
export function stripOf(model: Pick<ModelProgress, 'held' | 'chunkCount'>, cells: number): string {
  let strip = ''
  for (let cell = 0; cell < cells; cell++) {
    const from = Math.floor((cell * model.chunkCount) / cells)
    const to = Math.max(from + 1, Math.floor(((cell + 1) * model.chunkCount) / cells))
    let held = 0
    for (let chunk = from; chunk < to; chunk++) held += model.held[chunk] ?? 0
    const share = held / (to - from)
    strip += shades[share === 0 ? 0 : share < 0.5 ? 1 : share < 1 ? 2 : 3]
  }
  return strip
}

/** `1 24 %`, most first. */
export function sharesOf(sources: readonly { peerId: string; bytes: number }[], board: Board): string[] {
  const total = sources.reduce((sum, source) => sum + source.bytes, 0)
  return sources
    .filter((source) => source.bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .map((source) => `${board.label(source.peerId)} ${Math.round((100 * source.bytes) / Math.max(1, total))} %`)
}

/** A line that wraps would spoil the drawing in place. */
export function cut(line: Line, columns: number): Line {
  let left = columns
  const kept: Line = []
  for (const segment of line) {
    if (left <= 0) break
    kept.push({ ...segment, text: segment.text.slice(0, left) })
    left -= segment.text.length
  }
  return kept
}

function plain(text: string): Segment {
  return { text, style: 'plain' }
}

function dim(text: string): Segment {
  return { text, style: 'dim' }
}
