/** What several pages read. A page's own queries stand beside it. */
import { queryOptions } from '@tanstack/react-query'
import { client } from './client.ts'

/** Kept up to date by the event stream (`live.ts`): nothing asks for it by the clock. */
export const snapshotQuery = queryOptions({
  queryKey: ['snapshot'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: ({ signal }) => client.call('networkSnapshot', {}, { signal }),
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
