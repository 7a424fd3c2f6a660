/** Catalogue: pages through the signed releases that a peer knows, so that no index server is needed. */
import type { SignedRelease } from '../model/release.ts'

export interface CatalogueRequest {
  /** Opaque; empty for the first page. At most 64 bytes. */
  cursor: Uint8Array
  /** Only releases learnt since then, by the answering peer's clock; 0 for all. */
  sinceMs: number
}

export interface CatalogueResponse {
  /** The answering peer's clock: `sinceMs` of the next visit. */
  nowMs: number
  /** At most `releasesPerPageMax`. Each signature is checked by the reader. */
  releases: Pick<SignedRelease, 'bytes' | 'signature'>[]
  /** Empty on the last page. */
  nextCursor: Uint8Array
}
