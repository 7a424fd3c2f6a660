/** One connection cut into frames. Its handler changes once: from the hello to serving or fetching. */
import { type ChunkControlFrame, ChunkFrameParser, type ChunkRole, chunkOp, encodePong } from '#protocol/chunk/index.ts'
import { reasonOf } from './file-identity.ts'
import type { FrameChannel } from './frame-channel.ts'
import { FrameWriter } from './frame-writer.ts'

export interface ConnectionHandler {
  onFrame(frame: ChunkControlFrame): void
  /** The slice is only good during the call. */
  onData(requestId: number, slice: Uint8Array, isLast: boolean, bodyBytes: number): void
  /** Called once; nothing follows. */
  onEnd(reason: string): void
}

export class FrameConnection {
  readonly channel: FrameChannel
  readonly writer: FrameWriter
  readonly #parser: ChunkFrameParser
  #handler: ConnectionHandler
  #endReason: string | undefined

  constructor(channel: FrameChannel, role: ChunkRole | 'undecided', handler: ConnectionHandler) {
    this.channel = channel
    this.writer = new FrameWriter(channel)
    this.#handler = handler
    this.#parser = new ChunkFrameParser(
      {
        onFrame: (frame) => this.#onFrame(frame),
        onData: (requestId, slice, isLast, bodyBytes) => this.#handler.onData(requestId, slice, isLast, bodyBytes),
      },
      role,
    )
  }

  get hasEnded(): boolean {
    return this.#endReason !== undefined
  }

  start(): void {
    this.channel.start({ onBytes: (bytes) => this.#push(bytes), onEnd: (reason) => this.#end(reason) })
  }

  /** Hands the connection to its lasting user; frames that came with the hello go there too. */
  become(role: ChunkRole, handler: ConnectionHandler): void {
    this.#parser.role = role
    this.#handler = handler
    if (this.#endReason !== undefined) handler.onEnd(this.#endReason)
  }

  close(reason: string): void {
    this.#end(reason)
    this.channel.close(reason)
  }

  #push(bytes: Uint8Array): void {
    try {
      this.#parser.push(bytes)
    } catch (error) {
      this.close(reasonOf(error))
    }
  }

  #onFrame(frame: ChunkControlFrame): void {
    if (frame.op === chunkOp.ping) this.writer.small(encodePong(frame.requestId, frame.body))
    else this.#handler.onFrame(frame)
  }

  #end(reason: string): void {
    if (this.#endReason !== undefined) return
    this.#endReason = this.#parser.isAtBoundary ? reason : `${reason}, in the middle of a frame`
    this.#parser.stop()
    this.#handler.onEnd(this.#endReason)
  }
}
