/** Server-sent events, as the WHATWG HTML standard has them (section 9.2), both ways. */
import { HartonomousError } from '../errors.ts'
import { sseEventBytesMax } from '../limits.ts'

export interface SseEvent {
  data: string
  /** Name of the event; absent: `message`. */
  event?: string
  /** What `Last-Event-ID` will say after a reconnect. */
  id?: string
}

/** One event. `data` that is no string is written as JSON; its line breaks become lines of their own. */
export function encodeSse(data: unknown, { event, id }: Omit<SseEvent, 'data'> = {}): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  const head = `${event === undefined ? '' : `event: ${oneLine(event)}\n`}${id === undefined ? '' : `id: ${oneLine(id)}\n`}`
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`)
  return `${head}${lines.join('')}\n`
}

/** A line that readers skip: shows clients and proxies that the stream lives. */
export function encodeSseComment(text: string): string {
  return `: ${oneLine(text)}\n\n`
}

/** The last event of an OpenAI stream. */
export const doneData = '[DONE]'
export const doneEvent = `data: ${doneData}\n\n`

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, ' ')
}

/** Cuts a stream of text, split anywhere, into events. Comments, retry lines and unknown fields are left out. */
export class SseParser {
  readonly #eventBytesMax: number
  /** The start of a line whose end has not come. */
  #rest = ''
  #data: string[] = []
  #heldCharacters = 0
  #event: string | undefined
  #id: string | undefined
  /** The last piece ended in CR: an LF that comes first in the next one belongs to it. */
  #hasOpenCr = false

  constructor(eventBytesMax: number = sseEventBytesMax) {
    this.#eventBytesMax = eventBytesMax
  }

  /** @throws {ERR_LIMIT} when one event is longer than allowed */
  push(text: string): SseEvent[] {
    const events: SseEvent[] = []
    const input = this.#hasOpenCr && text.startsWith('\n') ? text.slice(1) : text
    if (text.length > 0) this.#hasOpenCr = text.endsWith('\r')
    const lines = (this.#rest + input).split(/\r\n|\r|\n/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const event = this.#takeLine(line)
      if (event !== undefined) events.push(event)
    }
    this.#checkSize(this.#heldCharacters + this.#rest.length)
    return events
  }

  #takeLine(line: string): SseEvent | undefined {
    if (line === '') return this.#finishEvent()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') {
      this.#data.push(value)
      this.#heldCharacters += value.length + 1
      this.#checkSize(this.#heldCharacters)
    } else if (field === 'event') {
      this.#event = value
    } else if (field === 'id' && !value.includes('\0')) {
      this.#id = value
    }
    return undefined
  }

  /** An event without data is none, by the standard; its name is forgotten, its id stays. */
  #finishEvent(): SseEvent | undefined {
    const event: SseEvent | undefined = this.#data.length === 0 ? undefined : { data: this.#data.join('\n') }
    if (event !== undefined && this.#event !== undefined && this.#event !== '') event.event = this.#event
    if (event !== undefined && this.#id !== undefined) event.id = this.#id
    this.#data = []
    this.#heldCharacters = 0
    this.#event = undefined
    return event
  }

  #checkSize(characters: number): void {
    if (characters > this.#eventBytesMax)
      throw new HartonomousError('ERR_LIMIT', {
        what: 'server-sent event',
        limit: this.#eventBytesMax,
        actual: characters,
      })
  }
}

/** Events of a stream as they come. */
export async function* sseOf(response: Response): AsyncGenerator<SseEvent> {
  const parser = new SseParser()
  const decoder = new TextDecoder()
  if (response.body === null) return
  const reader = response.body.getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read())
      yield* parser.push(decoder.decode(part.value, { stream: true }))
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
