/**
 * Slots of nodes, shared fairly: tenants take turns, whoever has more jobs waiting waits longer for each. A waiter names the
 * node that it would take now, or none: one that waits for a node of its own holds up nobody else.
 */
import type { PeerId } from '#protocol/ids.ts'
import { slotWaitersLookedAtMax } from '#protocol/limits.ts'

export interface Slot {
  peerId: PeerId
  /** Once; later calls do nothing. */
  release(): void
}

/** The node to take now, given how many of our jobs run on each; undefined while none fits. */
export type ChooseNode = (runningOn: (peerId: PeerId) => number) => PeerId | undefined

interface Waiter {
  choose: ChooseNode
  grant: (slot: Slot) => void
}

export class FairSlots {
  readonly #running = new Map<PeerId, number>()
  /** In the order of their turns. A tenant is here while it has waiters. */
  readonly #tenants = new Map<string, Set<Waiter>>()

  runningOn(peerId: PeerId): number {
    return this.#running.get(peerId) ?? 0
  }

  get waiting(): number {
    let count = 0
    for (const waiters of this.#tenants.values()) count += waiters.size
    return count
  }

  /** At once, past those who wait: for a second try that shall save the first. */
  tryTake(choose: ChooseNode): Slot | undefined {
    const peerId = choose((id) => this.runningOn(id))
    return peerId === undefined ? undefined : this.#take(peerId)
  }

  /** @throws the signal's reason */
  async take(tenant: string, choose: ChooseNode, signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Slot>()
    const waiter: Waiter = { choose, grant: resolve }
    const waiters = this.#tenants.get(tenant)
    if (waiters === undefined) this.#tenants.set(tenant, new Set([waiter]))
    else waiters.add(waiter)
    const onAbort = () => {
      this.#forget(tenant, waiter)
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.look()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Something changed: a node came, or has room again. */
  look(): void {
    for (let isGranted = true; isGranted; ) {
      isGranted = false
      for (const [tenant, waiters] of [...this.#tenants]) {
        if (!this.#grantOne(tenant, waiters)) continue
        isGranted = true
        // Its next turn comes after all others'.
        if (this.#tenants.delete(tenant) && waiters.size > 0) this.#tenants.set(tenant, waiters)
      }
    }
  }

  #grantOne(tenant: string, waiters: Set<Waiter>): boolean {
    let looked = 0
    for (const waiter of waiters) {
      if (++looked > slotWaitersLookedAtMax) return false
      const peerId = waiter.choose((id) => this.runningOn(id))
      if (peerId === undefined) continue
      this.#forget(tenant, waiter)
      waiter.grant(this.#take(peerId))
      return true
    }
    return false
  }

  #forget(tenant: string, waiter: Waiter): void {
    const waiters = this.#tenants.get(tenant)
    if (waiters?.delete(waiter) && waiters.size === 0) this.#tenants.delete(tenant)
  }

  #take(peerId: PeerId): Slot {
    this.#running.set(peerId, this.runningOn(peerId) + 1)
    let isHeld = true
    return {
      peerId,
      release: () => {
        if (!isHeld) return
        isHeld = false
        const left = this.runningOn(peerId) - 1
        if (left > 0) this.#running.set(peerId, left)
        else this.#running.delete(peerId)
        queueMicrotask(() => this.look())
      },
    }
  }
}
