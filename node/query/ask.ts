/** Puts a query to peers at once and gathers what they say within a short time. */
import type { PeerId } from '#protocol/ids.ts'
import { queryPagesPerPeerMax, queryPeersTimeoutMs, queryRowsMax } from '#protocol/limits.ts'
import {
  decodeQueryResponse,
  encodeQueryRequest,
  type LikeQuery,
  type Query,
  type QueryHit,
  queryProtocol,
} from '#protocol/query/index.ts'
import type { Like } from '#sql/query/index.ts'
import type { Network } from '../network/types.ts'

export interface PeerAnswer {
  peerId: PeerId
  hits: QueryHit[]
  /** It has more, or it was cut off. */
  isPartial: boolean
  error?: string
}

/** One that fails or is late counts with the pages that came: its error is told, the others' answers stand. */
export function askPeers(
  network: Pick<Network, 'request'>,
  peerIds: readonly PeerId[],
  query: Query,
  limit: number,
  signal: AbortSignal,
  like?: Like,
): Promise<PeerAnswer[]> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(queryPeersTimeoutMs)])
  return Promise.all(peerIds.map((peerId) => askPeer(network, peerId, query, limit, late, like)))
}

async function askPeer(
  network: Pick<Network, 'request'>,
  peerId: PeerId,
  query: Query,
  limit: number,
  signal: AbortSignal,
  like: Like | undefined,
): Promise<PeerAnswer> {
  const hits: QueryHit[] = []
  let cursor = new Uint8Array()
  try {
    for (let page = 0; page < queryPagesPerPeerMax && hits.length < limit; page++) {
      const rows = Math.min(queryRowsMax, limit - hits.length)
      const frame = encodeQueryRequest({
        query,
        limit: rows,
        cursor,
        ...(like === undefined ? {} : { like: likeBytes(like) }),
      })
      const answer = await network.request(peerId, queryProtocol.id, frame, {
        frameBytesMax: queryProtocol.frameBytesMax,
        signal,
      })
      const response = decodeQueryResponse(answer)
      hits.push(...response.hits.slice(0, rows))
      cursor = new Uint8Array(response.nextCursor)
      if (cursor.length === 0) return { peerId, hits, isPartial: false }
    }
    return { peerId, hits, isPartial: true }
  } catch (error) {
    return { peerId, hits, isPartial: true, error: error instanceof Error ? error.message : String(error) }
  }
}

function likeBytes({ space, vector }: Like): LikeQuery {
  return { space, vector: new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength) }
}
