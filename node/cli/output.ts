/** Data goes to stdout, progress and errors to stderr; colours and moving lines only where a person looks. */
import { styleText } from 'node:util'
import { errorRules, errorToWire, HartonomousError, isHartonomousError, remedyOf } from '#protocol/errors.ts'

type Style = Parameters<typeof styleText>[0]

export interface OutputOptions {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  json: boolean
  quiet: boolean
  color: boolean
  /** A terminal that cannot move its cursor (TERM=dumb) gets lines only. */
  isDumb?: boolean
}

export class Output {
  readonly json: boolean
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream
  readonly #quiet: boolean
  readonly #color: boolean
  readonly #isDumb: boolean
  #progressShown = false

  constructor(options: OutputOptions) {
    this.json = options.json
    this.#stdout = options.stdout
    this.#stderr = options.stderr
    this.#quiet = options.quiet
    this.#color = options.color
    this.#isDumb = options.isDumb === true
  }

  /** A line of data. */
  line(text = ''): void {
    this.clearProgress()
    this.#stdout.write(`${text}\n`)
  }

  /** Data without a line break: streamed text. */
  write(text: string): void {
    this.#stdout.write(text)
  }

  /** One JSON value on one line. */
  value(value: unknown): void {
    this.#stdout.write(`${JSON.stringify(value)}\n`)
  }

  /** Upper-case head, left-aligned, no rules. The last column is cut to the terminal. */
  table(head: string[], rows: string[][]): void {
    const widths = head.map((title, column) => Math.max(width(title), ...rows.map((row) => width(row[column] ?? ''))))
    const format = (cells: string[]) =>
      cells.map((cell, column) => pad(cell, column === cells.length - 1 ? 0 : widths[column]!)).join('  ')
    this.line(this.paint('dim', format(head.map((title) => title.toUpperCase()))))
    for (const row of rows) this.line(format(row))
  }

  /** A note for the person, not part of the data. */
  note(text: string): void {
    if (this.#quiet) return
    this.clearProgress()
    this.#stderr.write(`${text}\n`)
  }

  /** A line that replaces itself on a terminal, and is dropped elsewhere. */
  progress(text: string): void {
    if (this.#quiet || this.json || this.#isDumb || !this.#stderr.isTTY) return
    const columns = this.#stderr.columns ?? 80
    this.#stderr.write(`\r\u001b[2K${text.slice(0, columns - 1)}`)
    this.#progressShown = true
  }

  clearProgress(): void {
    if (!this.#progressShown) return
    this.#stderr.write('\r\u001b[2K')
    this.#progressShown = false
  }

  paint(style: Style, text: string): string {
    return this.#color ? styleText(style, text, { validateStream: false }) : text
  }

  get isTerminal(): boolean {
    return this.#stdout.isTTY === true && !this.#isDumb && !this.json
  }

  get columns(): number {
    return this.#stdout.columns || 80
  }

  get rows(): number {
    return this.#stdout.rows || 24
  }

  /** What went wrong and what to do about it; returns the exit status. */
  error(error: unknown): number {
    this.clearProgress()
    const known = isHartonomousError(error)
      ? error
      : new HartonomousError('ERR_IO', { path: 'hart', reason: error instanceof Error ? error.message : String(error) })
    const remedy = remedyOf(known)
    if (this.json) {
      const wire = errorToWire(known)
      this.#stderr.write(
        `${JSON.stringify({ error: { ...wire, message: known.message, ...(remedy === undefined ? {} : { remedy }) } })}\n`,
      )
    } else {
      this.#stderr.write(`${this.paint('red', 'error')} ${known.code}: ${known.message}\n`)
      if (remedy !== undefined) this.#stderr.write(`  fix: ${remedy}\n`)
    }
    return errorRules[known.code].exit
  }
}

const escapeCharacter = String.fromCharCode(27)
const escapes = new RegExp(`${escapeCharacter}\\[[0-9;]*m`, 'g')

function width(text: string): number {
  return text.replace(escapes, '').length
}

function pad(text: string, to: number): string {
  return text + ' '.repeat(Math.max(0, to - width(text)))
}

/** `████████░░`, or `########..` where the terminal is plain. */
export function bar(share: number, cells: number, plain = false): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * cells)
  return (plain ? '#' : '█').repeat(full) + (plain ? '.' : '░').repeat(cells - full)
}
