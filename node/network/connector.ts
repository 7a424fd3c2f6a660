/**
 * Keeps this node in its swarm: static peers stay connected, bootstrap and cached peers, and those seen on the local
 * network, are dialled while there are few connections (libp2p itself dials nobody that it discovers). Each target has its own backoff with jitter, so that a swarm does not redial in step.
 */
import { addressesPerPeerMax, lanPeersMax } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'
import type { DialTarget } from './dial-targets.ts'

export interface Dialler {
  connectedPeers(): Set<string>
  dial(target: DialTarget, signal: AbortSignal): Promise<void>
}

interface TargetState {
  target: DialTarget
  failures: number
  nextAtMs: number
  dialling: boolean
}

const backoffFirstMs = second
const backoffMaxMs = 2 * minute
const checkEveryMs = second
const connectionsWanted = 8
const parallelDials = 8

export class Connector {
  readonly #dialler: Dialler
  readonly #states: Map<string, TargetState>
  readonly #now: () => number
  readonly #random: () => number
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(dialler: Dialler, targets: DialTarget[], options: { now?: () => number; random?: () => number } = {}) {
    this.#dialler = dialler
    this.#now = options.now ?? Date.now
    this.#random = options.random ?? Math.random
    this.#states = new Map(targets.map((target) => [target.peerId, newState(target)]))
  }

  start(): void {
    this.#check()
    this.#timer = setInterval(() => this.#check(), checkEveryMs)
  }

  /** A peer was seen on the local network, at these addresses now. Configured addresses stay as they are. */
  found(peerId: string, addresses: string[]): void {
    const target: DialTarget = { peerId, addresses: addresses.slice(0, addressesPerPeerMax), kind: 'mdns' }
    const known = this.#states.get(peerId)
    if (known?.target.kind === 'static' || known?.target.kind === 'bootstrap') return
    if (known) {
      const moved = target.addresses.join() !== known.target.addresses.join()
      known.target = target
      if (!moved) return
      known.failures = 0
      known.nextAtMs = 0
    } else {
      this.#makeRoom()
      this.#states.set(peerId, newState(target))
    }
    if (this.#timer !== undefined) this.#check()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#controller.abort(new Error('stopped'))
  }

  /** Anybody on the local network can make up peers: whoever failed most leaves first. */
  #makeRoom(): void {
    const seen = [...this.#states.values()].filter((state) => state.target.kind === 'mdns')
    if (seen.length < lanPeersMax) return
    const worst = seen.reduce((a, b) => (b.failures > a.failures ? b : a))
    this.#states.delete(worst.target.peerId)
  }

  #check(): void {
    const now = this.#now()
    const connected = this.#dialler.connectedPeers()
    const states = [...this.#states.values()]
    let running = states.filter((state) => state.dialling).length
    for (const state of states) {
      if (running >= parallelDials) return
      if (state.dialling || connected.has(state.target.peerId) || state.nextAtMs > now) continue
      if (state.target.kind !== 'static' && connected.size + running >= connectionsWanted) continue
      running++
      void this.#dial(state)
    }
  }

  async #dial(state: TargetState): Promise<void> {
    state.dialling = true
    try {
      await this.#dialler.dial(state.target, this.#controller.signal)
      state.failures = 0
      state.nextAtMs = this.#now() + backoffFirstMs * (0.5 + this.#random())
    } catch {
      // The reason is in the peer's dial report.
      const backoffMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** state.failures++)
      state.nextAtMs = this.#now() + backoffMs * (0.75 + 0.5 * this.#random())
    }
    state.dialling = false
  }
}

function newState(target: DialTarget): TargetState {
  return { target, failures: 0, nextAtMs: 0, dialling: false }
}
