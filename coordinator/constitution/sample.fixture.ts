/** People and things to decide about. */
import fc from 'fast-check'
import { type JobKind, jobKinds, privacyLabels } from '#protocol/api/jobs.ts'
import { methods, type Role, roles, type Scope, scopes } from '../identity.ts'
import { type ActionName, actionNames, areas } from './actions.ts'
import type { DecisionRequest, Delegate, Principal } from './request.ts'

export function person(role: Role, held: readonly Scope[] = scopes, delegates: readonly Delegate[] = []): Principal {
  return { tenant: `local:${role}`, role, scopes: held, method: 'api-key', delegates }
}

export const model = { id: 'bafy-model', licence: 'Apache-2.0', publisher: '12D3-publisher' }

/** A request for each action, to be changed where a test looks. */
export function requestOf(action: ActionName, principal: Principal): DecisionRequest {
  switch (action) {
    case 'submit':
    case 'quote':
      return {
        principal,
        action,
        resource: 'chat',
        context: { privacy: 'public', maxPriceMicroHart: 1_000_000, model },
      }
    case 'spend': {
      const context = { amountMicroHart: 10, spentMicroHart: 20, maxPriceMicroHart: 1_000_000 }
      return { principal, action, resource: 'chat', context }
    }
    case 'readResult':
    case 'cancel':
    case 'approve':
      return { principal, action, resource: { id: 'job-1', tenant: principal.tenant, kind: 'chat' } }
    case 'assign': {
      const resource = { id: '12D3-node', region: 'NL', isTrusted: false, isOwn: false, score: 500 }
      return { principal, action, resource, context: { privacy: 'public' } }
    }
    case 'useTool':
      return { principal, action, resource: { id: 'write-file', isWriting: true }, context: { isApproved: false } }
    case 'pull':
    case 'distil':
    case 'publish':
      return { principal, action, resource: model }
    case 'delegate':
    case 'amend':
      return { principal, action, resource: 'template' }
    default:
      return { principal, action, resource: areaOf[action] }
  }
}

const areaOf = {
  readNetwork: 'network',
  query: 'models',
  sql: 'database',
  readAudit: 'audit',
  manageKeys: 'keys',
  configure: 'settings',
} as const

const name = fc.constantFrom('a', 'b', 'local:member', 'é "quoted"', '__proto__')
const micro = fc.oneof(fc.nat(2_000_000), fc.constant(Number.MAX_SAFE_INTEGER))

export const anyPrincipal: fc.Arbitrary<Principal> = fc.record({
  tenant: name,
  role: fc.constantFrom(...roles),
  scopes: fc.subarray([...scopes]),
  method: fc.constantFrom(...methods),
  delegates: fc.array(
    fc.oneof(
      fc.record({ type: fc.constantFrom('Agent' as const, 'Job' as const), id: name }),
      fc.record({
        type: fc.constantFrom('Agent' as const, 'Job' as const),
        id: name,
        scopes: fc.subarray([...scopes]),
      }),
    ),
    { maxLength: 4 },
  ),
})

/** Of every action, with every attribute chosen anew. */
export const anyRequest: fc.Arbitrary<DecisionRequest> = fc
  .record({
    principal: anyPrincipal,
    action: fc.constantFrom(...actionNames),
    kind: fc.constantFrom(...jobKinds),
    privacy: fc.constantFrom(...privacyLabels),
    area: fc.constantFrom(...areas),
    tenant: name,
    flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    amounts: fc.tuple(micro, micro, micro),
  })
  .map(({ principal, action, kind, privacy, area, tenant, flags, amounts }) => {
    const request = requestOf(action, principal)
    switch (request.action) {
      case 'submit':
      case 'quote': {
        const terms = { privacy, maxPriceMicroHart: amounts[0] }
        return { ...request, resource: kind, context: flags[0] ? { ...terms, model } : terms }
      }
      case 'spend': {
        const [amountMicroHart, spentMicroHart, maxPriceMicroHart] = amounts
        return { ...request, resource: kind, context: { amountMicroHart, spentMicroHart, maxPriceMicroHart } }
      }
      case 'readResult':
      case 'cancel':
      case 'approve':
        return { ...request, resource: { id: 'job-2', tenant, kind: kind as JobKind } }
      case 'assign': {
        const resource = { ...request.resource, isTrusted: flags[0], isOwn: flags[1], score: amounts[0] % 1001 }
        return { ...request, resource, context: { privacy } }
      }
      case 'useTool':
        return { ...request, resource: { id: 'tool', isWriting: flags[0] }, context: { isApproved: flags[1] } }
      case 'pull':
      case 'distil':
      case 'publish':
      case 'delegate':
      case 'amend':
        return request
      default:
        return { ...request, resource: area }
    }
  })
