/** What is asked: who wants to do what to which thing, and how that is told to the engine. */
import type { CedarValueJson, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { z } from 'zod'
import { jobKinds, privacyLabels } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { decisionRequestBytesMax } from '#protocol/limits.ts'
import { canonicalJson } from '#sql/store/canonical-json.ts'
import { type Identity, methods, roles, scopes } from '../identity.ts'
import { type ActionName, areas } from './actions.ts'

const text = z.string().max(decisionRequestBytesMax)
/** Of doubles, those that the engine's 64 bits count as they are. */
const micro = z.int().min(0)

/** An agent or a job between the tenant and whoever acts. */
const delegate = z.object({
  type: z.enum(['Agent', 'Job']),
  id: text,
  /** What it was given of its parent's scopes; all of them, unless named. More than those it never gets. */
  scopes: z.array(z.enum(scopes)).readonly().optional(),
})
export type Delegate = z.infer<typeof delegate>

const principal = z.object({
  tenant: text,
  role: z.enum(roles),
  scopes: z.array(z.enum(scopes)).readonly(),
  method: z.enum(methods),
  /** Outermost first, whoever acts last; empty: the tenant itself. */
  delegates: z.array(delegate).readonly(),
})
export type Principal = z.infer<typeof principal>

/** Licence as an SPDX expression, publisher as a peer id; empty where no release names them. */
const model = z.object({ id: text, licence: text, publisher: text })
export type ModelThing = z.infer<typeof model>

const privacy = z.enum(privacyLabels)
const terms = z.object({
  privacy,
  /** The bound that holds: the job's own, or the coordinator's. */
  maxPriceMicroHart: micro,
  /** Where the job names one that is known. */
  model: model.optional(),
})
const kind = z.enum(jobKinds)

const asked = z.discriminatedUnion('action', [
  z.object({
    action: z.enum(['readNetwork', 'query', 'sql', 'readAudit', 'manageKeys', 'configure']),
    principal,
    resource: z.enum(areas),
  }),
  z.object({ action: z.enum(['submit', 'quote']), principal, resource: kind, context: terms }),
  z.object({
    action: z.literal('spend'),
    principal,
    resource: kind,
    /** The next amount, and what the job has spent before. */
    context: z.object({ amountMicroHart: micro, spentMicroHart: micro, maxPriceMicroHart: micro }),
  }),
  z.object({
    action: z.enum(['readResult', 'cancel', 'approve']),
    principal,
    resource: z.object({ id: text, tenant: text, kind }),
  }),
  z.object({
    action: z.literal('assign'),
    principal,
    /** Score in thousandths. */
    resource: z.object({
      id: text,
      region: text,
      isTrusted: z.boolean(),
      isOwn: z.boolean(),
      score: z.int().min(0).max(1000),
    }),
    context: z.object({ privacy }),
  }),
  z.object({
    action: z.literal('useTool'),
    principal,
    resource: z.object({ id: text, isWriting: z.boolean() }),
    /** A person said yes to this very use. */
    context: z.object({ isApproved: z.boolean() }),
  }),
  z.object({ action: z.enum(['pull', 'distil', 'publish']), principal, resource: model }),
  /** A template of agents, a set of policies: by name or hash. */
  z.object({ action: z.enum(['delegate', 'amend']), principal, resource: text }),
])
export type DecisionRequest = z.infer<typeof asked>

/**
 * A request with what belongs to it and nothing else: it is written down as it is, and whoever asks may have handed over
 * a whole job. @throws {ERR_USAGE} {ERR_LIMIT}
 */
export function parseRequest(value: unknown): DecisionRequest {
  const { data, error } = asked.safeParse(value)
  if (data === undefined) {
    const [issue] = error.issues
    const message = `not a request for a decision: ${issue?.path.join('.')}: ${issue?.message}`
    throw new HartonomousError('ERR_USAGE', { message })
  }
  const actual = Buffer.byteLength(canonicalJson(data))
  if (actual <= decisionRequestBytesMax) return data
  throw new HartonomousError('ERR_LIMIT', { what: 'bytes of a decision', limit: decisionRequestBytesMax, actual })
}

export function principalOf(identity: Identity, delegates: readonly Delegate[] = []): Principal {
  const { tenant, role, scopes: held, method } = identity
  return { tenant, role, scopes: [...held].sort(), method, delegates }
}

const weiPerMicroHart = 10n ** 12n

/**
 * Rounded up, so that a bound is never passed unseen. What a double cannot count exactly (9 x 10^9 HART, hundreds of times
 * all that there can be) is the largest number that it can.
 */
export function microHartOf(wei: bigint): number {
  const micro = (wei + weiPerMicroHart - 1n) / weiPerMicroHart
  return micro > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(micro)
}

export interface EngineRequest {
  principal: TypeAndId
  action: TypeAndId & { id: ActionName }
  resource: TypeAndId
  context: Record<string, CedarValueJson>
  entities: EntityJson[]
}

export function engineRequestOf(request: DecisionRequest): EngineRequest {
  const actor = actorOf(request.principal)
  const { resource, context, things } = askedOf(request)
  return {
    principal: actor.uid as TypeAndId,
    action: { type: 'Action', id: request.action },
    resource,
    context,
    entities: [actor, ...things],
  }
}

/** Whoever acts has each of those for whom it acts as a parent: they need not be entities of their own. */
function actorOf({ tenant, role, scopes: own, method, delegates }: Principal): EntityJson {
  const parents: TypeAndId[] = [{ type: 'Tenant', id: tenant }, ...delegates.map(({ type, id }) => ({ type, id }))]
  const uid = parents.pop()!
  let held = own
  for (const { scopes: given } of delegates)
    if (given !== undefined) held = held.filter((scope) => given.includes(scope))
  const attrs = {
    tenant,
    role: nameOf('Role', role),
    scopes: held.map((scope) => nameOf('Scope', scope)),
    method: nameOf('Method', method),
    depth: delegates.length,
  }
  return { uid, attrs, parents }
}

function askedOf(request: DecisionRequest): {
  resource: TypeAndId
  context: EngineRequest['context']
  things: EntityJson[]
} {
  const named = (type: string, id: string) => ({ resource: { type, id }, context: {}, things: [] })
  const thing = (type: string, id: string, attrs: EntityJson['attrs'], context = {}) => {
    const resource = { type, id }
    return { resource, context, things: [{ uid: resource, attrs, parents: [] }] }
  }
  switch (request.action) {
    case 'submit':
    case 'quote': {
      const { privacy, maxPriceMicroHart, model } = request.context
      const context = { privacy: nameOf('Privacy', privacy), maxPriceMicroHart }
      const asked = { ...named('JobKind', request.resource), context }
      if (model === undefined) return asked
      const known = modelOf(model)
      return { ...asked, context: { ...context, model: { __entity: known.uid as TypeAndId } }, things: [known] }
    }
    case 'spend':
      return { ...named('JobKind', request.resource), context: { ...request.context } }
    case 'readResult':
    case 'cancel':
    case 'approve': {
      const { id, tenant, kind } = request.resource
      return thing('JobRecord', id, { tenant, kind: nameOf('JobKind', kind) })
    }
    case 'assign': {
      const { id, region, isTrusted, isOwn, score } = request.resource
      const context = { privacy: nameOf('Privacy', request.context.privacy) }
      return thing('Node', id, { region, isTrusted, isOwn, score }, context)
    }
    case 'useTool': {
      const { id, isWriting } = request.resource
      return thing('Tool', id, { isWriting }, { ...request.context })
    }
    case 'pull':
    case 'distil':
    case 'publish': {
      const model = modelOf(request.resource)
      return { resource: model.uid as TypeAndId, context: {}, things: [model] }
    }
    case 'delegate':
      return named('AgentTemplate', request.resource)
    case 'amend':
      return named('PolicySet', request.resource)
    default:
      return named('Area', request.resource)
  }
}

function modelOf({ id, licence, publisher }: ModelThing): EntityJson {
  return { uid: { type: 'Model', id }, attrs: { licence, publisher }, parents: [] }
}

function nameOf(type: string, id: string): CedarValueJson {
  return { __entity: { type, id } }
}
