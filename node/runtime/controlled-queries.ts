/** The control API's view of the query engine: names for ids, sums for people. */
import type {
  ClosureRequest,
  ClosureView,
  FindRequest,
  FoundView,
  LoadPlanView,
  LoadRequest,
  WalkRequest,
  WalkView,
} from '#protocol/api/query.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import type { ControlledQueries } from '../control/index.ts'
import type { LoadPlan } from '../query/index.ts'
import type { Parts } from './parts.ts'

export class QueryController implements ControlledQueries {
  readonly #parts: () => Parts

  constructor(parts: () => Parts) {
    this.#parts = parts
  }

  async find(request: FindRequest, signal: AbortSignal): Promise<FoundView> {
    const { text, limit, scope } = request
    const { rows, ...rest } = await this.#parts().query.find(
      { text, ...(limit === undefined ? {} : { limit }), ...(scope === undefined ? {} : { scope }) },
      signal,
    )
    const names = await this.#namesOf(rows.map(({ modelId }) => modelId))
    return { rows: rows.map((row) => ({ ...row, model: names.get(row.modelId)! })), ...rest }
  }

  async walk({ model, keys, direction, hops, kinds }: WalkRequest, signal: AbortSignal): Promise<WalkView> {
    return this.#parts().query.walk(
      model,
      keys,
      {
        ...(direction === undefined ? {} : { direction }),
        ...(hops === undefined ? {} : { hopsMax: hops }),
        ...(kinds === undefined ? {} : { kinds }),
      },
      signal,
    )
  }

  async closure({ model, keys, scope }: ClosureRequest, signal: AbortSignal): Promise<ClosureView> {
    const { query } = this.#parts()
    const { modelId } = await query.open(model, signal)
    const { members, ...rest } = await query.closure(modelId, keys, scope)
    return {
      modelId,
      ...rest,
      members: members.map(({ key, reason, component: { kind, sizeBytes, heldBytes } }) => ({
        key,
        reason,
        kind,
        sizeBytes,
        heldBytes,
      })),
    }
  }

  async plan(request: LoadRequest, signal: AbortSignal): Promise<(LoadPlan & LoadPlanView)[]> {
    const { query } = this.#parts()
    const plans: (LoadPlan & LoadPlanView)[] = []
    for (const [modelId, keys] of await this.#selected(request, signal)) {
      const whole = await query.closure(modelId, keys, 'whole')
      const names = await this.#namesOf([modelId])
      plans.push({
        ...(await query.planLoad(modelId, keys, signal)),
        model: names.get(modelId)!,
        componentCount: whole.members.length,
        execution: await query.execution(modelId, keys),
      })
    }
    return plans
  }

  async *load(plans: readonly LoadPlan[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const plan of plans) for await (const { bytes } of this.#parts().query.load(plan, signal)) yield bytes
  }

  /** Opens what is needed to answer a prompt from exactly the chosen components. */
  async assertRunnable(request: LoadRequest, signal: AbortSignal): Promise<{ modelId: string }> {
    const selected = await this.#selected(request, signal)
    const [first, ...others] = selected
    if (first === undefined || others.length > 0)
      throw new HartonomousError('ERR_QUERY_INVALID', {
        reason: `one model can be run, the query finds ${selected.size}`,
      })
    await this.#parts().query.assertRunnable(...first)
    return { modelId: first[0] }
  }

  /** Components by model, in the order of the models' ids. */
  async #selected(
    { text, keys: wanted, closure, limit }: LoadRequest,
    signal: AbortSignal,
  ): Promise<Map<ModelId, string[]>> {
    const { query } = this.#parts()
    const { rows: all, isTruncated } = await query.find({ text, ...(limit === undefined ? {} : { limit }) }, signal)
    if (isTruncated && limit === undefined)
      throw new HartonomousError('ERR_QUERY_INVALID', {
        reason: `it finds more than ${all.length} components: say less, or how many with a limit`,
      })
    const missing = new Set(wanted)
    const rows = wanted === undefined ? all : all.filter(({ key }) => wanted.includes(key))
    for (const { key } of rows) missing.delete(key)
    for (const id of missing) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'component', id })
    if (rows.length === 0) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'component', id: `for ${text}` })
    const found = Map.groupBy(rows, ({ modelId }) => modelId)
    const selected = new Map<ModelId, string[]>()
    for (const modelId of [...found.keys()].sort()) {
      const keys = found.get(modelId)!.map(({ key }) => key)
      // Content that only peers told of is opened, and thereby checked, before anything of it is loaded.
      await query.open(modelId, signal)
      const members =
        closure === undefined ? keys : (await query.closure(modelId, keys, closure)).members.map(({ key }) => key)
      selected.set(modelId, members)
    }
    return selected
  }

  async #namesOf(modelIds: readonly ModelId[]): Promise<Map<ModelId, string>> {
    const names = new Map<ModelId, string>()
    for (const modelId of new Set(modelIds)) {
      const release = await this.#parts().releases.releaseOf(modelId)
      names.set(modelId, release?.release.name ?? modelId)
    }
    return names
  }
}
