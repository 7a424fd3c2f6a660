/** Answers queries of peers from what this node's owner shares. */
import { HartonomousError } from '#protocol/errors.ts'
import { decodeQueryRequest, encodeQueryResponse, queryProtocol } from '#protocol/query/index.ts'
import { find } from '#sql/query/index.ts'
import type { TenantStore } from '#sql/store/types.ts'
import type { Network } from '../network/types.ts'
import { serveRequests } from '../swarm/index.ts'

/** `isAllowed` is the owner's policy; a refused peer sees its stream reset. */
export function serveQueries(network: Network, store: TenantStore, isAllowed: () => boolean): Promise<void> {
  return serveRequests(network, queryProtocol, async (bytes, { peerId }) => {
    const { query, limit, cursor } = decodeQueryRequest(bytes)
    if (!isAllowed())
      throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: `a query of ${peerId}`, reason: 'policy.queries' })
    const page = await find(store, query, {
      limit,
      ...(cursor.length === 0 ? {} : { cursor: Buffer.from(cursor).toString() }),
    })
    return encodeQueryResponse({ hits: page.hits, nextCursor: Buffer.from(page.nextCursor ?? '') })
  })
}
