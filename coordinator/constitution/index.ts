/**
 * Who may do what: policies in Cedar, denied unless permitted, narrowed by every agent and job, each decision written down.
 *
 * @example
 * const audit = store.forTenant(auditTenant)
 * const constitution = await openConstitution({ documents: audit, ledger: audit, now: Date.now })
 * await constitution.enforce({ principal: principalOf(identity), action: 'query', resource: 'models' })
 */
export { type ActionGroup, type ActionName, type Area, actionNames, areas } from './actions.ts'
export { auditTenant, type Constitution, type ConstitutionOptions, openConstitution } from './constitution.ts'
export { type Decision, refusalOf } from './decision.ts'
export { defaultText } from './default.ts'
export type { PolicySet } from './policy-set.ts'
export { checkRules, rehearse } from './rehearsal.ts'
export type { AuditReport } from './replay.ts'
export {
  type DecisionRequest,
  type Delegate,
  type ModelThing,
  microHartOf,
  type Principal,
  principalOf,
} from './request.ts'
export type { RuleProblem } from './rule.ts'
export { schemaText, textHash as rulesHash } from './schema.ts'
