/**
 * Cedar, in process: loaded at the first use (30 ms), and loaded anew after a fault.
 *
 * A fault of WebAssembly (its stack is 1 MiB) leaves the engine unusable: every later call fails, too. What is let in is
 * bounded so that none is known; should there be one, it costs that one decision, and all that was prepared.
 */
import { createRequire } from 'node:module'
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'
import { HartonomousError } from '#protocol/errors.ts'
import { preparedRulesMax } from '#protocol/limits.ts'
import type { EngineRequest } from './request.ts'
import { Slots } from './slots.ts'

const require = createRequire(import.meta.url)
const modulePath = '@cedar-policy/cedar-wasm/nodejs'

/** Of WebAssembly, and of the stack of JavaScript beneath it. */
const faults: ReadonlySet<string> = new Set(['RuntimeError', 'RangeError'])

let loaded: typeof Cedar | undefined
const rulesSlots = new Slots('rules', preparedRulesMax)
/** More than one for replays only. */
const schemaSlots = new Slots('schema', 4)

/** @throws {ERR_REFUSED_BY_POLICY} where the engine gave up */
export function withEngine<T>(what: string, work: (cedar: typeof Cedar) => T): T {
  loaded ??= require(modulePath) as typeof Cedar
  try {
    return work(loaded)
  } catch (cause) {
    if (cause instanceof Error && faults.has(cause.name)) reload()
    const reason = `the policy engine gave up: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: what, reason }, { cause })
  }
}

function reload(): void {
  loaded = undefined
  delete require.cache[require.resolve(modulePath)]
  rulesSlots.clear()
  schemaSlots.clear()
}

export function engineVersion(): string {
  return withEngine('the version', (cedar) => `cedar ${cedar.getCedarVersion()}`)
}

/** Texts by which the engine decides; `key` names each for ever. */
export interface Prepared {
  schema: { key: string; text: string }
  rules: { key: string; texts: () => Record<string, string> }
}

export interface EngineAnswer {
  isAllowed: boolean
  /** Rules that decided, in no order. */
  reasons: string[]
  /** Rules that could not be evaluated. */
  errors: { rule: string; message: string }[]
  /** Why the request as such cannot be decided: it does not fit the schema. */
  problem?: string
}

/** @throws {ERR_REFUSED_BY_POLICY} where the engine gave up */
export function authorize({ schema, rules }: Prepared, request: EngineRequest): EngineAnswer {
  const { principal, action, resource, context, entities } = request
  const answer = withEngine(`the action ${action.id}`, (cedar) => {
    const preparsedSchemaName = schemaSlots.use(schema.key, (slot) => {
      succeed(cedar.preparseSchema(slot, schema.text))
    })
    const preparsedPolicySetId = rulesSlots.use(rules.key, (slot) => {
      succeed(cedar.preparsePolicySet(slot, { staticPolicies: rules.texts() }))
    })
    const names = { preparsedSchemaName, preparsedPolicySetId, validateRequest: true }
    return cedar.statefulIsAuthorized({ principal, action, resource, context, entities, ...names })
  })
  if (answer.type === 'failure') {
    return {
      isAllowed: false,
      reasons: [],
      errors: [],
      problem: answer.errors.map(({ message }) => message).join('; '),
    }
  }
  const { decision, diagnostics } = answer.response
  const errors = diagnostics.errors.map(({ policyId, error }) => ({ rule: policyId, message: error.message }))
  return { isAllowed: decision === 'allow', reasons: diagnostics.reason, errors }
}

function succeed(answer: Cedar.CheckParseAnswer): void {
  if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '))
}
