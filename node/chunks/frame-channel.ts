/** What chunk frames travel over: a TLS socket we dialled, one we accepted, or a libp2p stream behind a message port. */
import type { TLSSocket } from 'node:tls'
import type { ByteChannel } from '#protocol/port/byte-channel.ts'
import { reasonOf } from './file-identity.ts'

export interface ChannelHandlers {
  /** The bytes are only valid during the call. */
  onBytes(bytes: Uint8Array): void
  /** Called once; nothing follows. */
  onEnd(reason: string): void
}

export interface FrameChannel {
  readonly transport: 'tls' | 'libp2p'
  start(handlers: ChannelHandlers): void
  /** Resolves when the bytes are on their way and their buffer may be reused. Rejects when the channel ends before. */
  send(bytes: Uint8Array): Promise<void>
  /** `false`: stop reading, so that the sender is slowed down by the connection itself. Some bytes may still come. */
  setReading(isReading: boolean): void
  close(reason: string): void
}

/** Common to dialled and accepted sockets; they differ in how bytes come in. */
export class TlsChannel implements FrameChannel {
  readonly transport = 'tls'
  readonly #socket: TLSSocket
  readonly #usesOnread: boolean
  #handlers: ChannelHandlers | undefined
  #isReading = true
  #endReason: string | undefined

  constructor(socket: TLSSocket, usesOnread: boolean) {
    this.#socket = socket
    this.#usesOnread = usesOnread
    socket.setNoDelay(true)
    socket.on('error', (error) => this.#end(error.message))
    socket.on('close', () => this.#end('the connection was closed'))
  }

  start(handlers: ChannelHandlers): void {
    this.#handlers = handlers
    if (this.#endReason !== undefined) handlers.onEnd(this.#endReason)
    else if (!this.#usesOnread) {
      this.#socket.on('data', (bytes: Buffer) => {
        if (this.#endReason === undefined) handlers.onBytes(bytes)
      })
      this.#socket.on('end', () => this.#end('the other side closed the connection'))
    }
  }

  /** The `onread` callback of a dialled socket. Returns whether to go on reading. */
  take(bytes: Uint8Array): boolean {
    if (this.#endReason !== undefined) return false
    if (this.#handlers === undefined) this.close('bytes before the hello')
    else this.#handlers.onBytes(bytes)
    return this.#isReading
  }

  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  setReading(isReading: boolean): void {
    if (this.#isReading === isReading || this.#endReason !== undefined) return
    this.#isReading = isReading
    if (isReading) this.#socket.resume()
    else this.#socket.pause()
  }

  close(reason: string): void {
    this.#end(reason)
  }

  #end(reason: string): void {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    this.#socket.destroy()
    this.#handlers?.onEnd(reason)
  }
}

/** A libp2p `/chunk` stream, which lives in the network worker. */
export class StreamChannel implements FrameChannel {
  readonly transport = 'libp2p'
  readonly #channel: ByteChannel
  #handlers: ChannelHandlers | undefined
  #resume: PromiseWithResolvers<void> | undefined
  #hasEnded = false

  constructor(channel: ByteChannel) {
    this.#channel = channel
  }

  start(handlers: ChannelHandlers): void {
    this.#handlers = handlers
    void this.#read()
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.#channel.send(bytes)
  }

  setReading(isReading: boolean): void {
    if (isReading) {
      this.#resume?.resolve()
      this.#resume = undefined
    } else this.#resume ??= Promise.withResolvers<void>()
  }

  close(reason: string): void {
    this.#channel.abort(reason)
    this.#end(reason)
  }

  async #read(): Promise<void> {
    try {
      for await (const bytes of this.#channel.chunks()) {
        if (this.#hasEnded) return
        this.#handlers?.onBytes(bytes)
        // What is not taken from the byte channel is not acknowledged: the sender waits.
        while (this.#resume !== undefined) await this.#resume.promise
      }
      this.close('the other side closed the stream')
    } catch (error) {
      this.#end(reasonOf(error))
    }
  }

  #end(reason: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.setReading(true)
    this.#handlers?.onEnd(reason)
  }
}
