/** What the query page reads; all of it needs `query`. Answers stay until they are asked for anew. */
import { queryOptions } from '@tanstack/react-query'
import { client } from '../app/client.ts'

/** They cost the coordinator and its peers work: nothing is asked a second time by itself. */
const onDemand = { staleTime: Number.POSITIVE_INFINITY, retry: false }

export interface FindOptions {
  text: string
  limit: number
  scope: 'local' | 'swarm'
}

export function findQuery(body: FindOptions) {
  return queryOptions({
    ...onDemand,
    queryKey: ['find', body],
    queryFn: ({ signal }) => client.call('find', { body }, { signal }),
  })
}

export function closureQuery(model: string, keys: string[], scope: 'part' | 'whole') {
  return queryOptions({
    ...onDemand,
    queryKey: ['closure', model, keys, scope],
    queryFn: ({ signal }) => client.call('closure', { body: { model, keys, scope } }, { signal }),
  })
}

export interface PlanOptions {
  text: string
  limit: number
  keys?: string[]
  closure?: 'part' | 'whole'
}

export function planQuery(body: PlanOptions) {
  return queryOptions({
    ...onDemand,
    queryKey: ['plan', body],
    queryFn: ({ signal }) => client.call('planLoad', { body }, { signal }),
  })
}

export const sqlSchemaQuery = queryOptions({
  queryKey: ['sql-schema'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }) => (await client.call('sqlSchema', {}, { signal })).views,
})

export function sqlQuery(sql: string) {
  return queryOptions({
    ...onDemand,
    queryKey: ['sql', sql],
    queryFn: ({ signal }) => client.call('sql', { body: { sql } }, { signal }),
  })
}
