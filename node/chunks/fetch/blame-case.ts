/** A chunk that failed its hash: who sent what, and what became of it. Kept as hashes of ranges, so that it needs no copy. */
import { createHash } from 'node:crypto'
import type { SourceId } from '../fetch-types.ts'

export interface Evidence {
  sourceId: SourceId
  startBytes: number
  endBytes: number
  digest: string
}

export type RecheckAnswer = 'asked' | 'good' | 'withdrawn' | 'no-answer'

export interface BlameCase {
  chunkIndex: number
  evidence: Evidence[]
  /** Sent a whole copy that failed; how often. */
  failedCopies: Map<SourceId, number>
  answers: Map<SourceId, RecheckAnswer>
  /** Too slow with its single copy: asked again only if nobody else is there. */
  tooSlow: Set<SourceId>
  /** Set once a copy has been verified: sources whose bytes differ from it, with the range. */
  liars?: Map<SourceId, string>
}

export function createCase(chunkIndex: number): BlameCase {
  return { chunkIndex, evidence: [], failedCopies: new Map(), answers: new Map(), tooSlow: new Set() }
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64')
}
