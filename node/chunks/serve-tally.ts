/** How requests for chunks ended, for the once-a-second report. */
import { chunkStatus, type RefuseStatus } from '#protocol/chunk/index.ts'

export interface ServedCounts {
  /** Sent in full. */
  requests: number
  bytes: number
  busy: number
  unpaid: number
  /** Not held, or withdrawn. */
  absent: number
  /** Not to be read from the disk, or no request of ours. */
  failed: number
}

const none: ServedCounts = { requests: 0, bytes: 0, busy: 0, unpaid: 0, absent: 0, failed: 0 }

export class ServeTally {
  #counts = { ...none }

  served(bytes: number): void {
    this.#counts.requests++
    this.#counts.bytes += bytes
  }

  refused(status: RefuseStatus): void {
    if (status === chunkStatus.busy) this.#counts.busy++
    else if (status === chunkStatus.unpaid) this.#counts.unpaid++
    else if (status === chunkStatus.notHeld || status === chunkStatus.withdrawn) this.#counts.absent++
    else this.#counts.failed++
  }

  /** Since the last report; `undefined` where nothing was asked. */
  report(): ServedCounts | undefined {
    const counts = this.#counts
    if (Object.values(counts).every((count) => count === 0)) return undefined
    this.#counts = { ...none }
    return counts
  }
}
