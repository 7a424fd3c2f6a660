/** What this node itself has seen a peer do. All figures fade: they count half after `standingHalfLifeMs`. */
import { evidenceMax, standingHalfLifeMs } from '#protocol/limits.ts'

/** `bytes`: verified chunks. `tokens`: of answers. */
export type Work = 'bytes' | 'tokens'

/**
 * What can be shown, never what is only suspected: a peer that is slow, full or gone has done nothing wrong.
 * `wrongBytes`: the bytes of its chunk differ from the hash. `brokenPromises`: it asked for more than it did, its receipt
 * tells of other work, or its voucher was not paid. `brokenProtocol`: it sent what no version of ours sends.
 */
export type Evidence = 'wrongBytes' | 'brokenPromises' | 'brokenProtocol'

export interface PeerRecord extends Record<Work | Evidence, number> {
  /** When the figures were these. */
  atMs: number
}

export function emptyRecord(nowMs: number): PeerRecord {
  return { atMs: nowMs, bytes: 0, tokens: 0, wrongBytes: 0, brokenPromises: 0, brokenProtocol: 0 }
}

/** As it counts now. A clock that was set back makes nothing larger. */
export function recordAt(record: PeerRecord, nowMs: number): PeerRecord {
  const left = 2 ** (-Math.max(0, nowMs - record.atMs) / standingHalfLifeMs)
  return {
    atMs: nowMs,
    bytes: record.bytes * left,
    tokens: record.tokens * left,
    wrongBytes: record.wrongBytes * left,
    brokenPromises: record.brokenPromises * left,
    brokenProtocol: record.brokenProtocol * left,
  }
}

export function withWork(record: PeerRecord, work: Work, amount: number, nowMs: number): PeerRecord {
  const now = recordAt(record, nowMs)
  return { ...now, [work]: now[work] + amount }
}

export function withEvidence(record: PeerRecord, evidence: Evidence, nowMs: number): PeerRecord {
  const now = recordAt(record, nowMs)
  return { ...now, [evidence]: Math.min(evidenceMax, now[evidence] + 1) }
}
