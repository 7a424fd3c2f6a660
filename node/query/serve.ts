/** Answers queries of peers from what this node's owner shares. */
import { HartonomousError } from '#protocol/errors.ts'
import { decodeQueryRequest, encodeQueryResponse, queryProtocol } from '#protocol/query/index.ts'
import { find, findLike } from '#sql/query/index.ts'
import type { TenantStore } from '#sql/store/types.ts'
import type { Network } from '../network/types.ts'
import { serveRequests } from '../swarm/index.ts'

/** `isAllowed` is the owner's policy; a refused peer sees its stream reset. */
export function serveQueries(network: Network, store: TenantStore, isAllowed: () => boolean): Promise<void> {
  return serveRequests(network, queryProtocol, async (bytes, { peerId }) => {
    const { query, like, limit, cursor } = decodeQueryRequest(bytes)
    if (!isAllowed())
      throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: `a query of ${peerId}`, reason: 'policy.queries' })
    if (like !== undefined) {
      const hits = await findLike(store, query, { space: like.space, vector: vectorOf(like.vector) }, limit)
      return encodeQueryResponse({ hits, nextCursor: new Uint8Array() })
    }
    const page = await find(store, query, {
      limit,
      ...(cursor.length === 0 ? {} : { cursor: Buffer.from(cursor).toString() }),
    })
    return encodeQueryResponse({ hits: page.hits, nextCursor: Buffer.from(page.nextCursor ?? '') })
  })
}

/** @throws {ERR_DECODE} */
function vectorOf(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0)
    throw new HartonomousError('ERR_DECODE', {
      what: 'query request',
      field: 'like.vector',
      offset: 0,
      reason: `${bytes.length} bytes are no whole number of floats`,
    })
  return new Float32Array(bytes.slice().buffer)
}
