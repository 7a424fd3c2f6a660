/** Names of the shapes that several routes share: components of the OpenAPI document. */
import { z } from 'zod'
import * as control from '#protocol/api/control.ts'
import * as jobs from '#protocol/api/jobs.ts'
import * as network from '#protocol/api/network.ts'
import { balanceView } from '#protocol/api/payment.ts'
import * as query from '#protocol/api/query.ts'
import { apiKeyView, createdKeyView } from '#protocol/api/routes/keys.ts'
import { releaseView } from '#protocol/api/routes/models.ts'
import { toolView, workflowSummary, workflowView } from '#protocol/api/routes/workflows.ts'
import * as workflow from '#protocol/api/workflow.ts'

const named: Record<string, z.ZodType> = {
  NodeView: network.nodeView,
  SwarmModelView: network.swarmModelView,
  CoverageView: network.coverageView,
  NetworkSnapshot: network.networkSnapshot,
  ReceiptView: network.receiptView,
  StakeEntry: network.stakeEntry,
  ChangeEvent: network.changeEvent,
  ModelView: control.modelView,
  ReleaseView: releaseView,
  ComponentView: control.componentView,
  TensorView: control.tensorView,
  TensorDetailView: control.tensorDetailView,
  SqlRequest: control.sqlRequest,
  SqlView: control.sqlView,
  SqlSchemaView: control.sqlSchemaView,
  FindRequest: query.findRequest,
  FoundView: query.foundView,
  WalkRequest: query.walkRequest,
  WalkView: query.walkView,
  ClosureRequest: query.closureRequest,
  ClosureView: query.closureView,
  LoadRequest: query.loadRequest,
  LoadPlanView: query.loadPlanView,
  SubmitRequest: jobs.submitRequest,
  Work: jobs.work,
  ItemWork: jobs.itemWork,
  ChatWork: jobs.chatWork,
  CompletionWork: jobs.completionWork,
  EmbeddingWork: jobs.embeddingWork,
  PullWork: jobs.pullWork,
  BatchWork: jobs.batchWork,
  BatchItem: jobs.batchItem,
  WorkflowWork: jobs.workflowWork,
  JobTerms: jobs.jobTerms,
  JobView: jobs.jobView,
  JobError: jobs.jobErrorView,
  AttemptView: jobs.attemptView,
  JobEvent: jobs.jobEvent,
  JobResult: jobs.jobResult,
  BatchItemResult: jobs.batchItemResult,
  QuoteView: jobs.quoteView,
  WorkflowGraph: workflow.workflowGraph,
  WorkflowStep: workflow.workflowStep,
  WorkflowSummary: workflowSummary,
  WorkflowView: workflowView,
  ToolView: toolView,
  BalanceView: balanceView,
  ApiKeyView: apiKeyView,
  CreatedKeyView: createdKeyView,
}

const ids = new Map<z.core.$ZodType, string>(Object.entries(named).map(([id, schema]) => [schema, id]))

/** Descriptions as they are, and the names from here; zod reads nothing else of a registry. */
const metadata = {
  get(schema: z.core.$ZodType) {
    const id = ids.get(schema)
    return { ...z.globalRegistry.get(schema), ...(id === undefined ? {} : { id }) }
  },
} as unknown as z.core.$ZodRegistry<Record<string, unknown>>

export type JsonSchema = { [key: string]: unknown }

/**
 * JSON Schema 2020-12, as OpenAPI 3.1 takes it; named parts go to `components`.
 * `input`: what a caller may send. `output`: what it gets.
 */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Map<string, JsonSchema>): JsonSchema {
  const made = z.toJSONSchema(schema, {
    metadata,
    io,
    unrepresentable: 'any',
    // What is answered may gain fields; who reads it passes over those that it does not know.
    override: ({ jsonSchema }) => {
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  }) as JsonSchema
  const { $schema: _, $defs = {}, ...whole } = made
  for (const [id, { id: _name, ...part }] of Object.entries($defs as Record<string, JsonSchema>)) {
    if (!components.has(nameOf(id))) components.set(nameOf(id), pointed(part) as JsonSchema)
  }
  return pointed(whole) as JsonSchema
}

/** `__schema0`: the one recursive shape without a name of ours is JSON itself. */
function nameOf(id: string): string {
  return id.startsWith('__') ? 'Json' : id
}

function pointed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) =>
      key === '$ref' && typeof part === 'string'
        ? [key, part.replace(/^#\/\$defs\/(.+)$/, (_, id: string) => `#/components/schemas/${nameOf(id)}`)]
        : [key, pointed(part)],
    ),
  )
}
