/**
 * Have: which chunks of one model a peer holds. The opener sends one `subscribe`; the other side answers with its whole
 * bitfield and then with deltas for as long as the stream is open. Both sides may subscribe, each on its own stream.
 */
import type { ModelId } from '../ids.ts'

export type HaveFrame =
  | { type: 'subscribe'; modelId: ModelId }
  /** Whole state; replaces what was known. One bit per chunk, most significant bit first, `chunkCount` bits. */
  | { type: 'bitfield'; chunkCount: number; bits: Uint8Array }
  /** Chunk indexes gained, ascending. */
  | { type: 'gained'; chunkIndexes: number[] }
  /** Chunk indexes lost (evicted or withdrawn), ascending. */
  | { type: 'lost'; chunkIndexes: number[] }
  /** The model is not here (any more): the stream closes after it. */
  | { type: 'absent' }
