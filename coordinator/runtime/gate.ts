/** What stands before a job is kept, and before each step that costs: the constitution, and what a tenant may use. */
import type { SubmitRequest } from '#protocol/api/jobs.ts'
import { openJobStates } from '#protocol/api/jobs.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { TenantQuotas } from '../auth/index.ts'
import {
  type Constitution,
  type DecisionRequest,
  type ModelThing,
  microHartOf,
  type PolicySet,
  type Principal,
  principalOf,
} from '../constitution/index.ts'
import type { Identity } from '../identity.ts'
import type { Admission, Candidate, RunningJob } from '../jobs/index.ts'

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

  /** @throws {ERR_FORBIDDEN} {ERR_QUOTA} {ERR_USAGE} for terms that forbid nothing, with line and column */
  async admit(identity: Identity, request: SubmitRequest): Promise<Admission> {
    const { quotas, storeOf } = this.#deps
    const { tenant } = identity
    const rules = await this.#rulesOf(await this.#asked('submit', identity, request), request.terms?.forbid)
    // The owner has no limits, and is not counted.
    if (quotas.usage(tenant) === undefined) return { ...rules, entered: () => undefined }
    const counts = await storeOf(tenant).countJobs()
    const jobs = openJobStates.reduce((sum, state) => sum + (counts[state] ?? 0), 0)
    const entering = this.#entering.get(tenant) ?? 0
    quotas.restore(tenant, { jobs: jobs + entering, storedBytes: 0 })
    quotas.openJob(tenant)
    this.#entering.set(tenant, entering + 1)
    const entered = () => {
      const left = this.#entering.get(tenant)! - 1
      if (left > 0) this.#entering.set(tenant, left)
      else this.#entering.delete(tenant)
    }
    return { ...rules, entered }
  }

  /** Asked before, so that who may not submit leaves no text in the store; then again under what was added. */
  async #rulesOf(asked: DecisionRequest, forbid: string | undefined): Promise<{ policyHash?: string }> {
    const { constitution } = this.#deps
    await constitution.enforce(asked)
    if (forbid === undefined) return {}
    const narrower = await narrow(constitution, forbid)
    await constitution.enforce(asked, narrower)
    return { policyHash: narrower.hash }
  }

  /** @throws {ERR_FORBIDDEN} */
  async mayQuote(identity: Identity, request: SubmitRequest): Promise<void> {
    await this.#deps.constitution.enforce(await this.#asked('quote', identity, request))
  }

  async #asked(action: 'submit' | 'quote', identity: Identity, request: SubmitRequest): Promise<DecisionRequest> {
    const { work } = request
    const model = 'model' in work ? await this.#deps.modelOf(work.model) : undefined
    const context = { ...this.#terms(request), ...(model === undefined ? {} : { model }) }
    return { action, principal: principalOf(identity), resource: work.kind, context }
  }

  /** @throws {ERR_FORBIDDEN} */
  async touch(identity: Identity, action: 'cancel' | 'approve' | 'readResult', row: JobRow): Promise<void> {
    const resource = { id: row.jobId, tenant: identity.tenant, kind: row.kind }
    await this.#deps.constitution.enforce({ action, principal: principalOf(identity), resource })
  }

  /** @throws {ERR_FORBIDDEN} */
  async assign(
    job: RunningJob,
    { peerId, lease, hasBond, isOwn, score }: Candidate,
    { costMaxWei, spentWei, priceMaxWei }: { costMaxWei: bigint; spentWei: bigint; priceMaxWei: bigint },
  ): Promise<void> {
    const { constitution } = this.#deps
    const { principal, terms, work, jobId } = job
    const rules = await rulesOf(constitution, job)
    const acting = actingAs(principal, jobId)
    const resource = { id: peerId, region: lease.region, isTrusted: hasBond, isOwn, score: Math.round(score * 1000) }
    const context = { privacy: terms.privacy ?? 'public' }
    await constitution.enforce({ action: 'assign', principal: acting, resource, context }, rules)
    if (costMaxWei === 0n) return
    const money = {
      amountMicroHart: microHartOf(costMaxWei),
      spentMicroHart: microHartOf(spentWei),
      maxPriceMicroHart: microHartOf(priceMaxWei),
    }
    await constitution.enforce({ action: 'spend', principal: acting, resource: work.kind, context: money }, rules)
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

/** For `enforce`: what holds for a job besides the constitution; undefined where nothing does. @throws {ERR_NOT_FOUND} */
export async function rulesOf(
  constitution: Constitution,
  { policyHash }: Pick<RunningJob, 'policyHash'>,
): Promise<PolicySet | undefined> {
  return policyHash === undefined ? undefined : constitution.find(policyHash)
}

async function narrow(constitution: Constitution, forbid: string): Promise<PolicySet> {
  try {
    return await constitution.derive(constitution.current(), forbid)
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_USAGE')) throw error
    const param = 'terms.forbid'
    throw new HartonomousError('ERR_USAGE', { message: `${param}: ${error.message}`, param }, { cause: error })
  }
}
