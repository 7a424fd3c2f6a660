/** What stands before a job is kept, and before each step that costs: the constitution, and what a tenant may use. */
import type { SubmitRequest } from '#protocol/api/jobs.ts'
import { openJobStates } from '#protocol/api/jobs.ts'
import type { JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { TenantQuotas } from '../auth/index.ts'
import { type Constitution, type ModelThing, microHartOf, type Principal, principalOf } from '../constitution/index.ts'
import type { Identity } from '../identity.ts'
import type { Candidate, RunningJob } from '../jobs/index.ts'

export interface GateDependencies {
  constitution: Constitution
  quotas: TenantQuotas
  storeOf: (tenant: TenantId) => JobStore
  priceMaxWei: bigint
  /** Undefined for a model that nobody has released. */
  modelOf: (reference: string) => Promise<ModelThing | undefined>
}

export class Gate {
  readonly #deps: GateDependencies
  /** Jobs that were admitted and are not in the store yet. */
  readonly #entering = new Map<TenantId, number>()

  constructor(deps: GateDependencies) {
    this.#deps = deps
  }

  /** @returns what to call when the job is in the store, or is not to be. @throws {ERR_FORBIDDEN} {ERR_QUOTA} */
  async admit(identity: Identity, request: SubmitRequest): Promise<() => void> {
    const { quotas, storeOf } = this.#deps
    const { tenant } = identity
    await this.#mayAsk('submit', identity, request)
    // The owner has no limits, and is not counted.
    if (quotas.usage(tenant) === undefined) return () => undefined
    const counts = await storeOf(tenant).countJobs()
    const jobs = openJobStates.reduce((sum, state) => sum + (counts[state] ?? 0), 0)
    const entering = this.#entering.get(tenant) ?? 0
    quotas.restore(tenant, { jobs: jobs + entering, storedBytes: 0 })
    quotas.openJob(tenant)
    this.#entering.set(tenant, entering + 1)
    return () => {
      const left = this.#entering.get(tenant)! - 1
      if (left > 0) this.#entering.set(tenant, left)
      else this.#entering.delete(tenant)
    }
  }

  /** @throws {ERR_FORBIDDEN} */
  mayQuote(identity: Identity, request: SubmitRequest): Promise<void> {
    return this.#mayAsk('quote', identity, request)
  }

  async #mayAsk(action: 'submit' | 'quote', identity: Identity, request: SubmitRequest): Promise<void> {
    const { constitution, modelOf } = this.#deps
    const { work } = request
    const model = 'model' in work ? await modelOf(work.model) : undefined
    const context = { ...this.#terms(request), ...(model === undefined ? {} : { model }) }
    await constitution.enforce({ action, principal: principalOf(identity), resource: work.kind, context })
  }

  /** @throws {ERR_FORBIDDEN} */
  async touch(identity: Identity, action: 'cancel' | 'approve' | 'readResult', row: JobRow): Promise<void> {
    const resource = { id: row.jobId, tenant: identity.tenant, kind: row.kind }
    await this.#deps.constitution.enforce({ action, principal: principalOf(identity), resource })
  }

  /** @throws {ERR_FORBIDDEN} */
  async assign(
    { principal, terms, work, jobId }: RunningJob,
    { peerId, lease, hasBond, isOwn, score }: Candidate,
    { costMaxWei, spentWei, priceMaxWei }: { costMaxWei: bigint; spentWei: bigint; priceMaxWei: bigint },
  ): Promise<void> {
    const { constitution } = this.#deps
    const acting = actingAs(principal, jobId)
    const resource = { id: peerId, region: lease.region, isTrusted: hasBond, isOwn, score: Math.round(score * 1000) }
    const context = { privacy: terms.privacy ?? 'public' }
    await constitution.enforce({ action: 'assign', principal: acting, resource, context })
    if (costMaxWei === 0n) return
    const money = {
      amountMicroHart: microHartOf(costMaxWei),
      spentMicroHart: microHartOf(spentWei),
      maxPriceMicroHart: microHartOf(priceMaxWei),
    }
    await constitution.enforce({ action: 'spend', principal: acting, resource: work.kind, context: money })
  }

  #terms({ terms = {} }: SubmitRequest) {
    const { priceMaxWei } = this.#deps
    const asked = terms.maxPriceWei === undefined ? priceMaxWei : BigInt(terms.maxPriceWei)
    const maxPriceMicroHart = microHartOf(asked < priceMaxWei ? asked : priceMaxWei)
    return { privacy: terms.privacy ?? ('public' as const), maxPriceMicroHart }
  }
}

/** Whatever a job does it does as itself, under all that it acts for. */
export function actingAs(principal: Principal, jobId: string): Principal {
  return { ...principal, delegates: [...principal.delegates, { type: 'Job', id: jobId }] }
}
