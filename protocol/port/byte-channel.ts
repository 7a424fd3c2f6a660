/**
 * A raw byte stream over a `MessagePort`, with credit: how a libp2p stream of the network worker reaches the main thread
 * or the data worker. Both ends speak the same messages:
 *
 * | message | meaning |
 * |---|---|
 * | `{ type: 'bytes', bytes }` | the next bytes of the stream; the buffer moves |
 * | `{ type: 'ack', count }` | so many `bytes` messages were taken: the sender may send as many more |
 * | `{ type: 'end' }` | no more bytes from this side; the other direction stays open |
 * | `{ type: 'abort', reason }` | the stream was reset; nothing follows |
 *
 * At most `portFramesInFlightMax` messages are unacknowledged in one direction, so that a slow reader stops the sender.
 */
import type { MessagePort } from 'node:worker_threads'
import { HartonomousError } from '../errors.ts'
import { portFramesInFlightMax } from '../limits.ts'

export type ByteMessage =
  | { type: 'bytes'; bytes: Uint8Array }
  | { type: 'ack'; count: number }
  | { type: 'end' }
  | { type: 'abort'; reason: string }

export interface ByteChannel {
  /**
   * Resolves when the reader at the other end has done with the bytes (asked for the next ones). They are copied, unless `move` says that the caller gives its buffer
   * away. @throws {ERR_PEER_UNREACHABLE} once the stream is reset or gone.
   */
  send(bytes: Uint8Array, options?: { move?: boolean }): Promise<void>
  /** Bytes in order, one reader. Ends when the other side ended; throws ERR_PEER_UNREACHABLE when it was reset. */
  chunks(): AsyncIterable<Uint8Array>
  /** No more bytes from us. Resolves when all that was sent has been taken. */
  end(): Promise<void>
  abort(reason: string): void
  /** Resolves when the channel is over, either way: with a reason when it was reset. */
  readonly closed: Promise<{ reason?: string }>
}

/** The bytes in a buffer of their own, so that moving them takes nothing else along. */
function ownBuffer(bytes: Uint8Array, move: boolean): Uint8Array<ArrayBuffer> {
  const whole = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
  return move && whole ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}

class PortByteChannel implements ByteChannel {
  readonly closed: Promise<{ reason?: string }>
  readonly #port: MessagePort
  readonly #peer: string
  readonly #resolveClosed: (value: { reason?: string }) => void
  readonly #unsent: { bytes: Uint8Array<ArrayBuffer>; taken: PromiseWithResolvers<void> }[] = []
  readonly #unacked: PromiseWithResolvers<void>[] = []
  readonly #received: Uint8Array[] = []
  #wakeReader: (() => void) | undefined
  #reading = false
  #ending: Promise<void> | undefined
  #endSent = false
  #endReceived = false
  #over: { reason?: string } | undefined

  constructor(port: MessagePort, peer: string) {
    this.#port = port
    this.#peer = peer
    const { promise, resolve } = Promise.withResolvers<{ reason?: string }>()
    this.closed = promise
    this.#resolveClosed = resolve
    port.on('message', (message: ByteMessage) => this.#receive(message))
    port.once('close', () => this.#finish('the other end of the port is gone'))
  }

  send(bytes: Uint8Array, options: { move?: boolean } = {}): Promise<void> {
    if (this.#over) return Promise.reject(this.#error())
    if (this.#ending) return Promise.reject(this.#error('sent after the end'))
    if (bytes.byteLength === 0) return Promise.resolve()
    const taken = Promise.withResolvers<void>()
    this.#unsent.push({ bytes: ownBuffer(bytes, options.move === true), taken })
    this.#pump()
    return taken.promise
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    if (this.#reading) throw this.#error('the stream is being read already')
    this.#reading = true
    try {
      for (;;) {
        const bytes = this.#received.shift()
        if (bytes) {
          yield bytes
          // Only now has the reader done with it: that is what a waiting sender may rely on.
          if (!this.#over) this.#port.postMessage({ type: 'ack', count: 1 } satisfies ByteMessage)
        } else if (this.#endReceived) {
          return
        } else if (this.#over) {
          throw this.#error()
        } else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve
          })
        }
      }
    } finally {
      this.#reading = false
      this.#closeWhenDone()
    }
  }

  end(): Promise<void> {
    if (this.#over) return this.#over.reason === undefined ? Promise.resolve() : Promise.reject(this.#error())
    this.#ending ??= this.#finishSending()
    return this.#ending
  }

  abort(reason: string): void {
    if (this.#over) return
    this.#port.postMessage({ type: 'abort', reason } satisfies ByteMessage)
    this.#finish(reason)
  }

  async #finishSending(): Promise<void> {
    const last = this.#unsent.at(-1)?.taken ?? this.#unacked.at(-1)
    await last?.promise
    if (this.#over) return
    this.#endSent = true
    this.#port.postMessage({ type: 'end' } satisfies ByteMessage)
    this.#closeWhenDone()
  }

  #pump(): void {
    while (this.#unsent.length > 0 && this.#unacked.length < portFramesInFlightMax) {
      const { bytes, taken } = this.#unsent.shift()!
      this.#unacked.push(taken)
      this.#port.postMessage({ type: 'bytes', bytes } satisfies ByteMessage, [bytes.buffer])
    }
  }

  #receive(message: ByteMessage): void {
    if (this.#over) return
    if (message.type === 'bytes') {
      this.#received.push(message.bytes)
    } else if (message.type === 'ack') {
      for (const taken of this.#unacked.splice(0, message.count)) taken.resolve()
      this.#pump()
    } else if (message.type === 'end') {
      this.#endReceived = true
      this.#closeWhenDone()
    } else {
      this.#finish(message.reason)
    }
    this.#wakeReader?.()
  }

  /** Both directions ended and everything was read: the port has done its work. */
  #closeWhenDone(): void {
    if (this.#endSent && this.#endReceived && this.#received.length === 0) this.#finish(undefined)
  }

  #finish(reason: string | undefined): void {
    if (this.#over) return
    this.#over = reason === undefined ? {} : { reason }
    for (const { taken } of this.#unsent.splice(0)) rejectQuietly(taken, this.#error())
    for (const taken of this.#unacked.splice(0)) rejectQuietly(taken, this.#error())
    this.#wakeReader?.()
    this.#port.close()
    this.#resolveClosed(this.#over)
  }

  #error(reason = this.#over?.reason ?? 'the stream is closed'): HartonomousError {
    return new HartonomousError('ERR_PEER_UNREACHABLE', { peer: this.#peer, reason })
  }
}

/** A send nobody waits for must not become an unhandled rejection: the stream's end is reported by `closed` as well. */
function rejectQuietly(deferred: PromiseWithResolvers<void>, error: Error): void {
  deferred.promise.catch(() => {})
  deferred.reject(error)
}

/** One end of a byte channel. `peer` is for errors: whose stream it is. */
export function byteChannel(port: MessagePort, peer: string): ByteChannel {
  return new PortByteChannel(port, peer)
}
