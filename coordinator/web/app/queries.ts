/** What several pages read. A page's own queries stand beside it. */
import { queryOptions } from '@tanstack/react-query'
import type { NetworkEvent } from '#protocol/api/network.ts'
import { networkEventsKeptMax } from '#protocol/limits.ts'
import { client } from './client.ts'
import { swarmOf } from './swarm.ts'

/** Kept up to date by the event stream (`live.ts`): nothing asks for it by the clock. */
export const snapshotQuery = queryOptions({
  queryKey: ['snapshot'],
  staleTime: Number.POSITIVE_INFINITY,
  // Nodes that did not change stay the same objects by themselves; to compare 10,000 of them takes longer than to draw.
  structuralSharing: false,
  queryFn: async ({ signal }) => swarmOf(await client.call('networkSnapshot', {}, { signal }), Date.now()),
})

/** What happened, newest first. What is known is kept, over restarts of the coordinator too; only what is new is read. */
export const networkEventsQuery = queryOptions({
  queryKey: ['network-events'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ client: queries, queryKey, signal }) => {
    const known = queries.getQueryData<NetworkEvent[]>(queryKey) ?? []
    const query = known[0] === undefined ? {} : { since: known[0].seq }
    const { events } = await client.call('listNetworkEvents', { query }, { signal })
    return [...events, ...known].slice(0, networkEventsKeptMax)
  },
})

/** All models that the swarm offers. */
export const modelsQuery = queryOptions({
  queryKey: ['models'],
  staleTime: 30_000,
  queryFn: ({ signal }) => Array.fromAsync(client.pages('listModels', { query: { limit: 1000 } }, { signal })),
})

export function coverageQuery(model: string) {
  return queryOptions({
    queryKey: ['coverage', model],
    staleTime: 30_000,
    queryFn: ({ signal }) => client.call('modelCoverage', { params: { model } }, { signal }),
  })
}

export const aboutQuery = queryOptions({
  queryKey: ['about'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: ({ signal }) => client.call('about', {}, { signal }),
})
