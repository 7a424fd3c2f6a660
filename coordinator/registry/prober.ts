/**
 * Probes: a lease says that a node can be reached and answers prompts; a probe shows it. Who has answered a job lately needs
 * none. A few at a time, each node at most once in `probeEveryMs`, and sooner only when it is new or has failed.
 */
import type { PeerId } from '#protocol/ids.ts'
import { leaseTtlMs, probesAtOnceMax } from '#protocol/limits.ts'
import { minute } from '#protocol/units.ts'
import type { NodeTable, Probe } from './node-table.ts'

const probeEveryMs = 10 * minute
/** A failed node is looked at again this soon, then half as often each time, up to `probeEveryMs`. */
const retryMs = leaseTtlMs
/** Loading a model takes a while. Who takes longer holds up the probes of all others: it has failed. */
const probeTimeoutMs = minute

export interface ProberDependencies {
  table: NodeTable
  now: () => number
  /** Jobs of ours run there: they show it as well as a probe does. */
  isWorking: (peerId: PeerId) => boolean
  /** Resolves when the node has shown what its lease says. */
  probe: (peerId: PeerId, signal: AbortSignal) => Promise<void>
  /** One probe takes no longer; default: a minute. */
  timeoutMs?: number
}

export class Prober {
  readonly #deps: ProberDependencies
  readonly #stopping = new AbortController()
  readonly #running = new Set<PeerId>()
  /** Failures in a row, of nodes that are in the table. */
  readonly #failures = new Map<PeerId, number>()

  constructor(deps: ProberDependencies) {
    this.#deps = deps
  }

  /** Begins what is due. */
  round(): void {
    const { table } = this.#deps
    for (const peerId of this.#failures.keys()) if (!table.has(peerId)) this.#failures.delete(peerId)
    for (const [peerId, state] of table.states()) {
      if (this.#running.size >= probesAtOnceMax) return
      if (state !== 'stale' && state !== 'paused' && state !== 'busy' && this.#isDue(peerId)) void this.#run(peerId)
    }
  }

  /** A job was answered: as good as a probe. */
  noteWork(peerId: PeerId, latencyMs: number): void {
    this.#failures.delete(peerId)
    this.#deps.table.noteProbe(peerId, { atMs: this.#deps.now(), ok: true, latencyMs })
  }

  close(): void {
    this.#stopping.abort(new Error('the prober stops'))
  }

  #isDue(peerId: PeerId): boolean {
    if (this.#running.has(peerId) || this.#stopping.signal.aborted || this.#deps.isWorking(peerId)) return false
    const last = this.#deps.table.probeOf(peerId)
    if (last === undefined) return true
    const failures = this.#failures.get(peerId) ?? 0
    const waitMs = failures === 0 ? probeEveryMs : Math.min(probeEveryMs, retryMs * 2 ** (failures - 1))
    return this.#deps.now() - last.atMs >= waitMs
  }

  async #run(peerId: PeerId): Promise<void> {
    const { table, now, probe } = this.#deps
    this.#running.add(peerId)
    const startedMs = now()
    const timeout = AbortSignal.timeout(this.#deps.timeoutMs ?? probeTimeoutMs)
    let result: Probe
    try {
      await inTime(probe(peerId, AbortSignal.any([this.#stopping.signal, timeout])), timeout)
      this.#failures.delete(peerId)
      result = { atMs: now(), ok: true, latencyMs: now() - startedMs }
    } catch (error) {
      this.#failures.set(peerId, (this.#failures.get(peerId) ?? 0) + 1)
      const message = error instanceof Error ? error.message : String(error)
      result = { atMs: now(), ok: false, error: message.slice(0, 200) }
    }
    this.#running.delete(peerId)
    if (!this.#stopping.signal.aborted) table.noteProbe(peerId, result)
  }
}

/** Whether or not what runs looks at its signal. */
async function inTime(work: Promise<void>, timeout: AbortSignal): Promise<void> {
  const late = Promise.withResolvers<never>()
  const onAbort = () => late.reject(timeout.reason)
  timeout.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, late.promise])
  } finally {
    timeout.removeEventListener('abort', onAbort)
  }
}
