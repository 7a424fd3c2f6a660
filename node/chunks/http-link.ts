/** An HTTP origin as a source of last resort: ranges of whole files, verified like any other bytes. */
import type { ChunkPlace } from '#protocol/model/content.ts'
import { minute, second } from '#protocol/units.ts'
import type { BlockRange } from './fetch-types.ts'
import { reasonOf } from './file-identity.ts'
import type { LinkHandlers, SourceLink } from './source-link.ts'

const answerTimeoutMs = minute
const retryAfterMsMax = minute
/** Failed requests in a row after which an origin is given up. */
const failuresMax = 5

interface FileRange {
  url: string
  offsetBytes: number
  lengthBytes: number
}

export class HttpLink implements SourceLink {
  readonly transport = 'http'
  readonly #urls: readonly string[]
  readonly #places: readonly ChunkPlace[]
  readonly #requests = new Map<number, AbortController>()
  #handlers: LinkHandlers | undefined
  #failures = 0
  #resume: PromiseWithResolvers<void> | undefined
  #hasEnded = false

  constructor(urls: readonly string[], places: readonly ChunkPlace[]) {
    this.#urls = urls
    this.#places = places
  }

  start(handlers: LinkHandlers): void {
    this.#handlers = handlers
  }

  request(requestId: number, ranges: readonly BlockRange[]): void {
    const controller = new AbortController()
    this.#requests.set(requestId, controller)
    void this.#fetch(requestId, ranges, controller)
  }

  cancel(requestId: number): void {
    this.#requests.get(requestId)?.abort()
    this.#requests.delete(requestId)
  }

  recheck(): Promise<'no-answer'> {
    return Promise.resolve('no-answer')
  }

  setReading(isReading: boolean): void {
    if (isReading) {
      this.#resume?.resolve()
      this.#resume = undefined
    } else this.#resume ??= Promise.withResolvers<void>()
  }

  leave(reason: string): void {
    this.close(reason)
  }

  close(reason: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.setReading(true)
    for (const controller of this.#requests.values()) controller.abort()
    this.#requests.clear()
    this.#handlers?.onEnd(reason)
  }

  async #fetch(requestId: number, ranges: readonly BlockRange[], controller: AbortController): Promise<void> {
    try {
      for (const range of this.#fileRanges(ranges)) {
        const retryAfterMs = await this.#fetchRange(requestId, range, controller)
        if (retryAfterMs === undefined) continue
        this.#refuse(requestId, controller, 'busy', retryAfterMs)
        return
      }
      if (this.#requests.get(requestId) === controller) this.#requests.delete(requestId)
      this.#failures = 0
    } catch (error) {
      if (controller.signal.aborted && !this.#requests.has(requestId)) return
      this.#failures++
      if (this.#failures >= failuresMax) this.close(`the origin fails again and again: ${reasonOf(error)}`)
      else this.#refuse(requestId, controller, 'internal', second * 2 ** this.#failures)
    }
  }

  /** Returns after how long to try again, where the origin asks for that. */
  async #fetchRange(requestId: number, range: FileRange, controller: AbortController): Promise<number | undefined> {
    const { url, offsetBytes, lengthBytes } = range
    const response = await fetch(url, {
      headers: {
        range: `bytes=${offsetBytes}-${offsetBytes + lengthBytes - 1}`,
        // A compressed answer would be ranges of something else.
        'accept-encoding': 'identity',
      },
      signal: AbortSignal.any([controller.signal, AbortSignal.timeout(answerTimeoutMs)]),
    })
    if (response.status === 429 || response.status === 503) {
      await response.body?.cancel()
      const seconds = Number(response.headers.get('retry-after') ?? 1)
      return Math.min(retryAfterMsMax, (Number.isFinite(seconds) ? Math.max(1, seconds) : 5) * second)
    }
    if (response.status !== 206 || response.body === null) {
      await response.body?.cancel()
      throw new Error(`status ${response.status} for a range`)
    }
    const contentRange = response.headers.get('content-range') ?? ''
    if (!contentRange.startsWith(`bytes ${offsetBytes}-${offsetBytes + lengthBytes - 1}/`)) {
      await response.body.cancel()
      throw new Error(`another range than was asked for: ${contentRange.slice(0, 60)}`)
    }
    let got = 0
    for await (const bytes of response.body) {
      while (this.#resume !== undefined) await this.#resume.promise
      got += bytes.length
      if (got > lengthBytes) throw new Error('more bytes than were asked for')
      if (this.#requests.get(requestId) === controller) this.#handlers?.onBytes(requestId, bytes)
    }
    if (got < lengthBytes) throw new Error(`${got} of ${lengthBytes} bytes`)
    return undefined
  }

  #refuse(requestId: number, controller: AbortController, status: 'busy' | 'internal', retryAfterMs: number): void {
    if (this.#requests.get(requestId) !== controller) return
    this.#requests.delete(requestId)
    this.#handlers?.onRefused(requestId, status, retryAfterMs)
  }

  /** Neighbouring ranges of one file become one request. */
  #fileRanges(ranges: readonly BlockRange[]): FileRange[] {
    const joined: FileRange[] = []
    for (const { chunkIndex, offsetInChunkBytes, lengthBytes } of ranges) {
      const place = this.#places[chunkIndex]!
      const url = this.#urls[place.fileIndex]!
      const offsetBytes = place.offsetInFileBytes + offsetInChunkBytes
      const last = joined.at(-1)
      if (last?.url === url && last.offsetBytes + last.lengthBytes === offsetBytes) last.lengthBytes += lengthBytes
      else joined.push({ url, offsetBytes, lengthBytes })
    }
    return joined
  }
}
