/** Workflows and tools of the coordinator that serves this page. */
import { queryOptions } from '@tanstack/react-query'
import type { WorkflowView } from '#protocol/api/routes/workflows.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { client } from '../app/client.ts'

export const workflowsQuery = queryOptions({
  queryKey: ['workflows'],
  staleTime: 10_000,
  queryFn: ({ signal }) => Array.fromAsync(client.pages('listWorkflows', { query: { limit: 1000 } }, { signal })),
})

export function workflowQuery(name: string) {
  return queryOptions({
    queryKey: ['workflow', name],
    // Read anew each time that it is opened: others save, too.
    staleTime: 0,
    gcTime: 0,
    queryFn: ({ signal }) => client.call('getWorkflow', { params: { name } }, { signal }),
  })
}

export const toolsQuery = queryOptions({
  queryKey: ['tools'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }) => (await client.call('listTools', {}, { signal })).tools,
})

/**
 * Saves, and reads back what is there then. Where another version was saved than the one that was `opened`, nothing is
 * written, and it is given back.
 */
export async function saveGraph(
  graph: WorkflowGraph,
  opened: WorkflowView | undefined,
  isForced: boolean,
): Promise<{ saved: WorkflowView } | { other: WorkflowView }> {
  const params = { name: graph.name }
  if (!isForced) {
    const there = await client.call('getWorkflow', { params }).catch(nothingThere)
    const isOurs = there?.origin !== 'saved' || (opened?.name === graph.name && opened.version === there.version)
    if (!isOurs) return { other: there }
  }
  await client.call('saveWorkflow', { params, body: graph })
  return { saved: await client.call('getWorkflow', { params }) }
}

function nothingThere(error: unknown): undefined {
  if (!isHartonomousError(error, 'ERR_NOT_FOUND')) throw error
}
