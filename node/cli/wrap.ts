/** Streamed text for a terminal: broken between words, indented, and without control characters of the model's own. */

/** C0, DEL and C1 but for the line break and the tab: an answer must not move the cursor or set a title. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

export function printable(text: string): string {
  return text.replace(controls, '')
}

export class WordWrap {
  readonly #columns: number
  readonly #indent: string
  #column = 0
  /** The word at the end, which may go on. */
  #word = ''
  #space = ''

  constructor(columns: number, indent = '') {
    this.#columns = Math.max(8, columns - indent.length)
    this.#indent = indent
  }

  /** What can be written now; the last word waits for its end. */
  push(text: string): string {
    let out = ''
    for (const character of printable(text)) {
      if (character === '\n') out += this.#flush() + this.#break()
      else if (character === ' ' || character === '\t') {
        out += this.#flush()
        this.#space += ' '
      } else {
        this.#word += character
        // A word as long as the line, and scripts without spaces, go out as they come.
        if (this.#word.length >= this.#columns) out += this.#flush()
      }
    }
    return out
  }

  end(): string {
    return this.#flush()
  }

  #flush(): string {
    if (this.#word === '') return ''
    const isFull = this.#column > 0 && this.#column + this.#space.length + this.#word.length > this.#columns
    const before = isFull ? this.#break() : this.#space
    const lead = this.#column === 0 ? this.#indent : ''
    const out = isFull ? `${before}${this.#indent}${this.#word}` : `${lead}${before}${this.#word}`
    this.#column += (isFull ? 0 : this.#space.length) + this.#word.length
    this.#word = ''
    this.#space = ''
    return out
  }

  #break(): string {
    this.#column = 0
    this.#space = ''
    return '\n'
  }
}
