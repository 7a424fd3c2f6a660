/** What the page of a model reads besides what all pages share. */
import { queryOptions } from '@tanstack/react-query'
import { isHartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import { client } from '../app/client.ts'

const staleMs = 30_000
const pageRows = 1000

export function modelQuery(model: string) {
  return queryOptions({
    queryKey: ['models', 'one', model],
    staleTime: staleMs,
    queryFn: ({ signal }) => client.call('getModel', { params: { model } }, { signal }),
  })
}

/** Nodes that hold some of it. */
export function holdersQuery(modelId: string) {
  return queryOptions({
    queryKey: ['models', 'holders', modelId],
    staleTime: staleMs,
    queryFn: ({ signal }) =>
      Array.fromAsync(client.pages('listNodes', { query: { modelId, limit: pageRows } }, { signal })),
  })
}

/** With what of each is on the coordinator's own node: that changes when something is pulled. Needs `query`. */
export function componentsQuery(model: string) {
  return queryOptions({
    queryKey: ['components', model],
    staleTime: staleMs,
    queryFn: ({ signal }) =>
      Array.fromAsync(client.pages('listComponents', { query: { model, limit: pageRows } }, { signal })),
  })
}

/** Needs `query`. */
export function tensorsQuery(model: string) {
  return queryOptions({
    queryKey: ['tensors', model],
    staleTime: staleMs,
    queryFn: ({ signal }) =>
      Array.fromAsync(client.pages('listTensors', { query: { model, limit: pageRows } }, { signal })),
  })
}

/** Content never changes: once read, it holds. A node looks into few tensors at once, and says when to come again. */
const ofContent = {
  staleTime: Number.POSITIVE_INFINITY,
  retry: (failures: number, error: Error) => failures < 10 && isHartonomousError(error, 'ERR_QUEUE_FULL'),
  retryDelay: second,
}

/** Figures over all of its values. Needs `query`. */
export function tensorStatsQuery(model: string, tensor: string) {
  return queryOptions({
    ...ofContent,
    queryKey: ['tensor', model, tensor],
    queryFn: ({ signal }) =>
      client.call('getTensor', { params: { tensor }, query: { model, stats: true } }, { signal }),
  })
}

/** Both rows belong to it. Needs `query`. */
export function tensorRowsQuery(model: string, tensor: string, firstRow: number, lastRow: number) {
  return queryOptions({
    ...ofContent,
    queryKey: ['tensor', model, tensor, firstRow, lastRow],
    queryFn: ({ signal }) =>
      client.call('getTensor', { params: { tensor }, query: { model, firstRow, lastRow } }, { signal }),
  })
}
