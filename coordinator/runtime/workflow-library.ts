/** Workflows by name: those that are shipped, and those that a tenant saved. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { ToolView, WorkflowSummary, WorkflowView } from '#protocol/api/routes/workflows.ts'
import { type WorkflowGraph, workflowGraph } from '#protocol/api/workflow.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { DocumentStore } from '#sql/store/document.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { Identity } from '../identity.ts'
import type { WorkflowService } from '../service.ts'
import { compile, shippedWorkflows, type Tool } from '../workflow/index.ts'

const prefix = 'workflow/'

export interface WorkflowLibraryDependencies {
  storeOf: (tenant: TenantId) => DocumentStore
  tools: ReadonlyMap<string, Tool>
  now: () => number
  /** Before so many bytes are kept; what it gives is called when they are, or are not to be. @throws {ERR_QUOTA} */
  keep: (tenant: TenantId, sizeBytes: number) => Promise<() => void>
}

export class WorkflowLibrary implements WorkflowService {
  readonly #deps: WorkflowLibraryDependencies

  constructor(deps: WorkflowLibraryDependencies) {
    this.#deps = deps
  }

  async list({ tenant }: Identity): Promise<WorkflowSummary[]> {
    const store = this.#deps.storeOf(tenant)
    const named = await store.listNames(prefix)
    const saved = await Promise.all(
      named.map(async ({ hash, atMs }): Promise<WorkflowSummary> => {
        const { name, description, steps } = parse(await store.getDocument(hash))
        return { name, origin: 'saved', steps: steps.length, savedAtMs: atMs, ...described(description) }
      }),
    )
    const own = new Set(saved.map(({ name }) => name))
    const shipped = [...shippedWorkflows.values()]
      .map((graph) => workflowGraph.parse(graph))
      .filter(({ name }) => !own.has(name))
      .map(({ name, description, steps }): WorkflowSummary => {
        return { name, origin: 'shipped', steps: steps.length, ...described(description) }
      })
    return [...saved, ...shipped].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async get({ tenant }: Pick<Identity, 'tenant'>, name: string): Promise<WorkflowView> {
    const store = this.#deps.storeOf(tenant)
    const [newest] = await store.listVersions(prefix + name)
    if (newest !== undefined) {
      const graph = parse(await store.getDocument(newest.hash))
      return viewOf(graph, 'saved', newest.atMs)
    }
    const shipped = shippedWorkflows.get(name)
    if (shipped === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'workflow', id: name })
    return viewOf(workflowGraph.parse(shipped), 'shipped')
  }

  async save({ tenant }: Identity, graph: WorkflowGraph): Promise<WorkflowView> {
    const { storeOf, tools, now, keep } = this.#deps
    compile(graph, { tools: new Set(tools.keys()) })
    const store = storeOf(tenant)
    const text = JSON.stringify(graph)
    const hash = hashOf(text)
    const atMs = now()
    const [newest] = await store.listVersions(prefix + graph.name)
    const isSame = newest !== undefined && Buffer.compare(newest.hash, hash) === 0
    if (isSame) return viewOf(graph, 'saved', newest.atMs)
    const kept = await keep(tenant, Buffer.byteLength(text))
    try {
      await store.putDocument({ hash, text, atMs })
    } finally {
      kept()
    }
    const previous = newest === undefined ? {} : { previous: newest.hash }
    await store.nameDocument(prefix + graph.name, hash, { ...previous, atMs })
    return viewOf(graph, 'saved', atMs)
  }

  tools(): ToolView[] {
    return [...this.#deps.tools.values()].map(({ name, description, args }) => {
      // As it is given: what has a default may be left out.
      const { $schema: _, ...schema } = z.toJSONSchema(args, { io: 'input' })
      return { name, description, args: schema }
    })
  }
}

function viewOf(graph: WorkflowGraph, origin: 'shipped' | 'saved', savedAtMs?: number): WorkflowView {
  const { name, description } = graph
  const version = hashOf(JSON.stringify(graph)).toString('hex')
  return { name, origin, graph, version, ...described(description), ...(savedAtMs === undefined ? {} : { savedAtMs }) }
}

function described(description: string | undefined): { description?: string } {
  return description === undefined ? {} : { description }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function parse(text: string | undefined): WorkflowGraph {
  return workflowGraph.parse(JSON.parse(text ?? 'null'))
}
