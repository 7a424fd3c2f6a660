import { z } from 'zod'
import { workflowGraph } from '../workflow.ts'
import { nextCursor, pageQuery, route } from './shape.ts'

export const workflowSummary = z.object({
  name: z.string(),
  description: z.string().exactOptional(),
  origin: z.enum(['shipped', 'saved']),
  steps: z.int(),
  savedAtMs: z.number().exactOptional(),
})
export type WorkflowSummary = z.infer<typeof workflowSummary>

export const workflowView = workflowSummary.omit({ steps: true }).extend({
  graph: workflowGraph,
  version: z.string().describe('SHA-256 of the graph, hex: what ran is known by it.'),
})
export type WorkflowView = z.infer<typeof workflowView>

export const toolView = z.object({
  name: z.string(),
  description: z.string(),
  args: z.record(z.string(), z.unknown()).describe('JSON Schema of its arguments.'),
})
export type ToolView = z.infer<typeof toolView>

const workflowParams = z.strictObject({ name: z.string().min(1).max(96) })

export const workflowRoutes = {
  listWorkflows: route({
    method: 'GET',
    path: '/api/v1/workflows',
    tag: 'workflows',
    scope: 'jobs:read',
    summary: 'Workflows that are shipped, and those that the caller saved.',
    query: z.strictObject(pageQuery),
    answer: { type: 'json', schema: z.object({ workflows: z.array(workflowSummary), nextCursor }) },
    errors: [],
    mcp: { no: 'submit_job takes a graph or a name; a person chooses which' },
    cli: 'workflow list',
  }),
  getWorkflow: route({
    method: 'GET',
    path: '/api/v1/workflows/{name}',
    tag: 'workflows',
    scope: 'jobs:read',
    summary: 'One workflow with its graph.',
    params: workflowParams,
    answer: { type: 'json', schema: workflowView },
    errors: ['ERR_NOT_FOUND'],
    mcp: { no: 'submit_job takes a graph or a name; a person chooses which' },
    cli: 'workflow show',
  }),
  listTools: route({
    method: 'GET',
    path: '/api/v1/tools',
    tag: 'workflows',
    scope: 'jobs:read',
    summary: 'Tools that steps of workflows may use; the constitution decides at each use.',
    answer: { type: 'json', schema: z.object({ tools: z.array(toolView) }) },
    errors: [],
    mcp: { no: 'they are used within workflows; the tools for agents are those of MCP itself' },
    cli: { no: 'a graph that names an unknown tool is refused with the names of all' },
  }),
  saveWorkflow: route({
    method: 'PUT',
    path: '/api/v1/workflows/{name}',
    tag: 'workflows',
    scope: 'jobs:write',
    summary: 'Saves a graph under its name; jobs that run keep the graph with which they began.',
    params: workflowParams,
    body: workflowGraph,
    answer: { type: 'json', schema: workflowView },
    errors: ['ERR_REFUSED_BY_POLICY', 'ERR_STORE_CONFLICT'],
    mcp: { no: 'what agents run later is decided by a person' },
    cli: 'workflow save',
  }),
}
