/** Shows the board: drawn in place on a terminal, as plain lines elsewhere. */
import type { StampedEvent } from '#protocol/api/control.ts'
import { shortId } from '#protocol/ids.ts'
import { formatBytes, formatDuration } from '#protocol/units.ts'
import type { Output } from '../output.ts'
import type { Board, NodeProgress } from './board.ts'
import { pictureOf, sharesOf, shortHart } from './picture.ts'

const drawIntervalMs = 150

export class DevnetView {
  readonly #output: Output
  readonly #board: Board
  readonly #isLive: boolean
  #timer: NodeJS.Timeout | undefined
  #drawnLines = 0
  #phase: string | undefined

  constructor(output: Output, board: Board) {
    this.#output = output
    this.#board = board
    this.#isLive = output.isTerminal
  }

  start(): void {
    if (this.#isLive) this.#timer = setInterval(() => this.#draw(), drawIntervalMs)
  }

  /** The last picture stays, without its phase; what follows is printed below it. */
  stop(): void {
    clearInterval(this.#timer)
    this.#phase = undefined
    if (this.#timer !== undefined) this.#draw()
    this.#timer = undefined
    this.#drawnLines = 0
  }

  /** What happens now. */
  phase(text: string): void {
    this.#phase = text
    this.note(text)
  }

  get currentPhase(): string | undefined {
    return this.#phase
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
    else if (event.event === 'voucher' && event.side === 'sale')
      this.note(`${at}  was promised ${shortHart(BigInt(event.addedWei))} HART by ${this.#who(event.peerId)}`)
    else if (event.event === 'transfer-complete') {
      const sources = sharesOf(event.sources, this.#board).join(', ')
      this.note(
        `${at}  holds ${event.name}: ${formatBytes(event.heldBytes)} in ${formatDuration(event.durationMs)}, ${event.chunksVerified} chunks verified; from ${sources}; began with chunks ${node.firstChunks.slice(0, 6).join(' ')}`,
      )
    }
  }

  #who(peerId: string): string {
    const label = this.#board.label(peerId)
    return /^\d+$/.test(label) ? `node ${label}` : label
  }

  #draw(): void {
    const { columns, rows } = this.#output
    const picture = pictureOf(this.#board, {
      columns,
      ...(this.#phase === undefined ? {} : { phase: this.#phase }),
    })
    const lines = picture
      .slice(-(rows - 1))
      .map((line) =>
        line.map(({ text, style }) => (style === 'plain' ? text : this.#output.paint(style, text))).join(''),
      )
    const up = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A` : ''
    // Clearing below removes what a taller picture left.
    this.#output.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J`)
    this.#drawnLines = lines.length
  }
}
