/** Workflows and tools of the coordinator that serves this page. */
import { queryOptions } from '@tanstack/react-query'
import type { WorkflowView } from '#protocol/api/routes/workflows.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
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
    const other = await savedAs(graph.name)
    if (other !== undefined && (opened?.name !== graph.name || opened.version !== other.version)) return { other }
  }
  await client.call('saveWorkflow', { params, body: graph })
  return { saved: await client.call('getWorkflow', { params }) }
}

/** Undefined where nobody saved one of this name; shipped ones are nobody's work that could be lost. */
async function savedAs(name: string): Promise<WorkflowView | undefined> {
  for await (const { name: other, origin } of client.pages('listWorkflows', { query: { limit: 1000 } }))
    if (other === name && origin === 'saved') return client.call('getWorkflow', { params: { name } })
  return undefined
}
