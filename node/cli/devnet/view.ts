/** Draws the board: in place on a terminal, as plain lines elsewhere. */
import type { StampedEvent } from '#protocol/api/control.ts'
import { shortId } from '#protocol/ids.ts'
import { formatBytes, formatDuration, formatRate } from '#protocol/units.ts'
import type { Output } from '../output.ts'
import type { Board, ModelProgress, NodeProgress } from './board.ts'

const drawIntervalMs = 150
const stripCells = 36
const shades = [' ', '░', '▒', '▓', '█'] as const

export class DevnetView {
  readonly #output: Output
  readonly #board: Board
  readonly #isLive: boolean
  #timer: NodeJS.Timeout | undefined
  #drawnLines = 0

  constructor(output: Output, board: Board) {
    this.#output = output
    this.#board = board
    this.#isLive = output.isTerminal
  }

  start(): void {
    if (this.#isLive) this.#timer = setInterval(() => this.#draw(), drawIntervalMs)
  }

  /** The last picture stays; what follows is printed below it. */
  stop(): void {
    clearInterval(this.#timer)
    if (this.#timer !== undefined) this.#draw()
    this.#timer = undefined
    this.#drawnLines = 0
  }

  /** A line for readers of a log; the live picture shows it already. */
  note(text: string): void {
    if (!this.#isLive && !this.#output.json) this.#output.line(text)
  }

  event(node: NodeProgress, event: StampedEvent): void {
    const at = `node ${node.index}`
    if (event.event === 'ready') this.note(`${at}  ${shortId(event.peerId)}  pid ${event.pid}  ${event.apiUrl}`)
    else if (event.event === 'placement' && event.action === 'fetch')
      this.note(`${at}  chose ${event.name}: ${event.reason}`)
    else if (event.event === 'source-end' && event.banned)
      this.note(`${at}  banned ${this.#board.label(event.peerId)}: ${event.evidence ?? event.reason}`)
    else if (event.event === 'transfer-complete') {
      const sources = sharesOf(event.sources, this.#board).join(', ')
      this.note(
        `${at}  holds ${event.name}: ${formatBytes(event.heldBytes)} in ${formatDuration(event.durationMs)}, ${event.chunksVerified} chunks verified; from ${sources}; began with chunks ${node.firstChunks.slice(0, 6).join(' ')}`,
      )
    }
  }

  #draw(): void {
    const lines = this.#lines()
    const up = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A` : ''
    this.#output.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}`)
    this.#drawnLines = lines.length
  }

  #lines(): string[] {
    const head = `${'node'.padEnd(10)}${'holds'.padEnd(stripCells + 8)}${'down'.padEnd(13)}${'up'.padEnd(13)}sources`
    const lines = [this.#output.paint('dim', head.toUpperCase())]
    for (const node of this.#board.nodes) {
      const models = [...node.models.values()]
      if (models.length === 0)
        lines.push(
          `${nodeLabel(node)}${this.#output.paint('dim', node.state === 'starting' ? 'starting' : 'looking around')}`,
        )
      for (const [row, model] of models.entries()) lines.push(this.#modelLine(node, model, row === 0))
    }
    return lines
  }

  #modelLine(node: NodeProgress, model: ModelProgress, isFirst: boolean): string {
    const transfer = node.transfers.get(model.modelId)
    const isWhole = model.heldChunks === model.chunkCount
    const strip = stripOf(model, stripCells)
    const share = `${Math.floor((100 * model.heldChunks) / Math.max(1, model.chunkCount))} %`.padStart(5)
    const down = !isWhole && transfer !== undefined ? formatRate(transfer.bytesPerSecond) : ''
    const up = isFirst && node.uploadBytesPerSecond > 0 ? formatRate(node.uploadBytesPerSecond) : ''
    const sources =
      transfer === undefined
        ? node.role === 'seed'
          ? 'its own file'
          : ''
        : sharesOf(transfer.sources, this.#board).join('  ')
    const color = isWhole ? 'green' : 'cyan'
    return `${isFirst ? nodeLabel(node) : ' '.repeat(10)}${this.#output.paint(color, strip)} ${share}  ${down.padEnd(13)}${up.padEnd(13)}${sources}`
  }
}

function nodeLabel(node: NodeProgress): string {
  return `${node.index} ${node.role}`.padEnd(10)
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
    strip += shades[share === 0 ? 1 : share < 0.5 ? 2 : share < 1 ? 3 : 4]
  }
  return strip
}

/** `1: 24 %`, most first. */
export function sharesOf(sources: readonly { peerId: string; bytes: number }[], board: Board): string[] {
  const total = sources.reduce((sum, source) => sum + source.bytes, 0)
  return sources
    .filter((source) => source.bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .map((source) => `${board.label(source.peerId)}: ${Math.round((100 * source.bytes) / Math.max(1, total))} %`)
}
