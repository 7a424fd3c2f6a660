/**
 * Keeps this node in its swarm: static peers stay connected, bootstrap and cached peers are dialled while there are few
 * connections. Each target has its own backoff with jitter, so that a swarm does not redial in step.
 */
import { minute, second } from '#protocol/units.ts'

export interface DialTarget {
  peerId: string
  addresses: string[]
  /** `static`: always connected. Others: only while there are fewer than `connectionsWanted` peers. */
  kind: 'static' | 'bootstrap' | 'cache'
}

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
  readonly #states: TargetState[]
  readonly #now: () => number
  readonly #random: () => number
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(dialler: Dialler, targets: DialTarget[], options: { now?: () => number; random?: () => number } = {}) {
    this.#dialler = dialler
    this.#now = options.now ?? Date.now
    this.#random = options.random ?? Math.random
    this.#states = targets.map((target) => ({ target, failures: 0, nextAtMs: 0, dialling: false }))
  }

  start(): void {
    this.#check()
    this.#timer = setInterval(() => this.#check(), checkEveryMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#controller.abort(new Error('stopped'))
  }

  #check(): void {
    const now = this.#now()
    const connected = this.#dialler.connectedPeers()
    let running = this.#states.filter((state) => state.dialling).length
    for (const state of this.#states) {
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
