/**
 * Tokens to text, one at a time, as whole characters. A character of several byte tokens is held back until it is
 * complete: a delta is valid UTF-8 by itself.
 */
export interface TokenText {
  detokenize(tokens: readonly number[], specialTokens: boolean, lastTokens: readonly number[]): string
}

/** Tokens before the pending ones that the vocabulary may need to decide about a leading space. */
const contextTokens = 4
/** A character has at most 4 bytes: what is still incomplete after that many further tokens is not UTF-8 at all. */
const incompleteTokensMax = 4

export class Detokenizer {
  readonly #model: TokenText
  #last: number[]
  #pending: number[] = []
  /** Characters of the pending tokens' text that were given out already. */
  #given = 0
  #tokensWithoutText = 0

  constructor(model: TokenText, promptTokens: readonly number[]) {
    this.#model = model
    this.#last = promptTokens.slice(-contextTokens)
  }

  push(token: number): string {
    this.#pending.push(token)
    const text = this.#model.detokenize(this.#pending, false, this.#last)
    const whole = withoutIncompleteEnd(text)
    if (whole.length < text.length && this.#tokensWithoutText < incompleteTokensMax) {
      const part = whole.slice(this.#given)
      this.#given = Math.max(this.#given, whole.length)
      this.#tokensWithoutText = part.length > 0 ? 0 : this.#tokensWithoutText + 1
      return part
    }
    return this.#settle(text)
  }

  /** The rest, with U+FFFD in place of an incomplete character. */
  flush(): string {
    return this.#pending.length === 0 ? '' : this.#settle(this.#model.detokenize(this.#pending, false, this.#last))
  }

  #settle(text: string): string {
    const part = text.slice(this.#given)
    this.#last = [...this.#last, ...this.#pending].slice(-contextTokens)
    this.#pending = []
    this.#given = 0
    this.#tokensWithoutText = 0
    return part
  }
}

/** V8 decodes each incomplete part as U+FFFD, so an incomplete character can only be among the last ones. */
function withoutIncompleteEnd(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0xfffd) end--
  return text.slice(0, end)
}
