/** What llama.cpp asserts about a vocabulary, gathered while its arrays stream past. */
import { vocabularyBytesMax, vocabularyTokensMax } from '#protocol/limits.ts'
import type { HeaderReader } from './header-reader.ts'

/** `LLAMA_TOKEN_TYPE_BYTE`. */
const byteTokenType = 6
const byteTokenPattern = /^<0x([0-9A-F]{2})>$/

export class VocabularyScan {
  tokenCount: number | undefined
  tokenTypeCount: number | undefined
  /** Index of the first token whose text an earlier one has. */
  duplicateIndex: number | undefined
  /** The vocabulary is too large for the comparison of its texts. */
  isUnchecked = false
  /** Byte values for which there is a token `<0xNN>`, or one of just that byte. */
  readonly coveredBytes = new Set<number>()
  /** Tokens of type byte. */
  byteTokens = 0
  readonly #shortTexts = new Set<number>()
  readonly #byteTyped = new Set<number>()

  /** Texts are not decoded: some tokenizers (rwkv) have tokens that are no valid UTF-8. */
  async readTokens(reader: HeaderReader, count: number): Promise<void> {
    this.tokenCount = count
    this.isUnchecked = count > vocabularyTokensMax
    let texts: Set<string> | undefined = new Set()
    let textBytes = 0
    for (let i = 0; i < count; i++) {
      if (!reader.has(8)) await reader.need(8)
      const length = reader.takeU64()
      if (this.isUnchecked) {
        reader.skip(length)
        continue
      }
      textBytes += length
      if (textBytes > vocabularyBytesMax) {
        this.isUnchecked = true
        texts = undefined
        reader.skip(length)
        continue
      }
      if (!reader.has(length)) await reader.need(length)
      this.#addToken(reader.take(length).toString('latin1'), i, texts!)
    }
  }

  #addToken(text: string, index: number, texts: Set<string>): void {
    // llama.cpp gives an empty token this text.
    const key = text === '' ? `[EMPTY_${index}]` : text
    if (texts.has(key)) this.duplicateIndex ??= index
    texts.add(key)
    if (text.length < 3) this.#shortTexts.add(index)
    if (text.length === 1) this.coveredBytes.add(text.charCodeAt(0))
    const match = text.length === 6 ? byteTokenPattern.exec(text) : null
    if (match) this.coveredBytes.add(Number.parseInt(match[1]!, 16))
  }

  async readTokenTypes(reader: HeaderReader, count: number): Promise<void> {
    this.tokenTypeCount = count
    if (count > vocabularyTokensMax) {
      this.isUnchecked = true
      reader.skip(count * 4)
      return
    }
    for (let i = 0; i < count; i++) {
      if (!reader.has(4)) await reader.need(4)
      if (reader.takeU32() !== byteTokenType) continue
      this.byteTokens++
      this.#byteTyped.add(i)
    }
  }

  /** Index of a token of type byte whose text is too short for the digits that llama.cpp cuts out of it. */
  shortByteToken(): number | undefined {
    for (const index of this.#shortTexts) if (this.#byteTyped.has(index)) return index
    return undefined
  }
}
