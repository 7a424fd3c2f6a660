/** The channels of a seller or a buyer, read from the ledger when a session opens one, shared by all its sessions. */
import { paymentChannelsMax } from '#protocol/limits.ts'
import { type ChannelKey, channelName } from './types.ts'

export interface BookedChannel {
  readonly key: ChannelKey
  readonly name: string
  /** That run on it now. */
  sessions: number
}

export class ChannelBook<C extends BookedChannel> {
  readonly #load: (key: ChannelKey) => Promise<C>
  /** Least recently opened first. Sessions that open one channel at once wait for the same load. */
  readonly #channels = new Map<string, Promise<C>>()
  readonly #loaded = new Set<C>()

  constructor(load: (key: ChannelKey) => Promise<C>) {
    this.#load = load
  }

  /** Kept until `release`. */
  async open(key: ChannelKey): Promise<C> {
    const name = channelName(key)
    const loading = this.#channels.get(name) ?? this.#load(key)
    this.#channels.delete(name)
    this.#channels.set(name, loading)
    try {
      const channel = await loading
      this.#loaded.add(channel)
      channel.sessions++
      return channel
    } catch (error) {
      this.#channels.delete(name)
      throw error
    }
  }

  release(channel: C): void {
    channel.sessions--
    if (this.#channels.size <= paymentChannelsMax) return
    const idle = [...this.#loaded].find((other) => other.sessions === 0)
    if (idle === undefined) return
    this.#loaded.delete(idle)
    this.#channels.delete(idle.name)
  }

  loaded(): Iterable<C> {
    return this.#loaded
  }
}
