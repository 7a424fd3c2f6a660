/** Rules out of a text, and everything that is wrong with it. */
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'
import { HartonomousError } from '#protocol/errors.ts'
import { ruleIdBytesMax, rulesMax } from '#protocol/limits.ts'
import { type ActionName, actionNames, actionRule } from './actions.ts'
import { withEngine } from './engine.ts'
import { checkRuleText, placeOf } from './rule-text.ts'
import { schemaText } from './schema.ts'

export interface Rule {
  /** Its `@id`. */
  id: string
  effect: 'permit' | 'forbid'
  text: string
  /** Where it begins, from 1. */
  line: number
  column: number
  /** Those that it can ever apply to: an engine that is asked about another need not see it. */
  actions: ReadonlySet<ActionName>
}

/** A place of the text, from 1. */
export interface RuleProblem {
  line: number
  column: number
  message: string
  /** An error keeps a text from being accepted; a warning tells of rules that can never apply, or look like others. */
  severity: 'error' | 'warning'
  help?: string
}

/** Against the schema, rule by rule, in the order of the text. @throws {ERR_LIMIT} {ERR_USAGE} for what is not even read */
export function problemsOf(text: string): RuleProblem[] {
  checkRuleText(text)
  const call = { schema: schemaText, policies: { staticPolicies: text } }
  const answer = withEngine('a text of rules', (cedar) => cedar.validate(call))
  const problems =
    answer.type === 'failure'
      ? answer.errors.map((error) => problemOf(text, error, 'error'))
      : [
          ...answer.validationErrors.map(({ error }) => problemOf(text, error, 'error')),
          ...answer.validationWarnings.map(({ error }) => problemOf(text, error, 'warning')),
        ]
  // One rule that is wrong for each of three kinds of principals is one problem.
  const known = new Map(problems.map((problem) => [`${problem.severity} ${problem.line}:${problem.column}`, problem]))
  return [...known.values()].sort((a, b) => a.line - b.line || a.column - b.column)
}

/**
 * The rules of a text that holds.
 * @throws {ERR_USAGE} naming the first problem with its place {ERR_LIMIT}
 */
export function parseRules(text: string): Rule[] {
  const problem = problemsOf(text).find(({ severity }) => severity === 'error')
  if (problem !== undefined) {
    const { line, column, message, help } = problem
    throw wrong(`line ${line}, column ${column}: ${message}${help === undefined ? '' : ` (${help})`}`)
  }
  const parts = withEngine('a text of rules', (cedar) => cedar.policySetTextToParts(text))
  // Checked before: templates are refused, and whatever cannot be parsed.
  if (parts.type === 'failure' || parts.policy_templates.length > 0) throw wrong('these are no rules')
  if (parts.policies.length > rulesMax) {
    throw new HartonomousError('ERR_LIMIT', { what: 'rules', limit: rulesMax, actual: parts.policies.length })
  }
  const rules = parts.policies.map((part) => ruleOf(part, placeOf(text, Math.max(0, text.indexOf(part)))))
  const seen = new Set<string>()
  for (const { id } of rules) {
    if (seen.has(id)) throw wrong(`two rules have the @id ${JSON.stringify(id)}`)
    seen.add(id)
  }
  return rules
}

function ruleOf(text: string, { line, column }: { line: number; column: number }): Rule {
  const answer = withEngine('a rule', (cedar) => cedar.policyToJson(text))
  if (answer.type === 'failure') throw wrong(`not a rule: ${text.slice(0, 80)}`)
  const { effect, action, annotations } = answer.json
  const id = annotations?.['id'] ?? ''
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(id) || id.length > ruleIdBytesMax) {
    const why = `an @id of at most ${ruleIdBytesMax} lower case letters, digits, ".", "-" and "_"`
    throw wrong(`line ${line}, column ${column}: each rule needs ${why}: ${text.replaceAll(/\s+/g, ' ').slice(0, 80)}`)
  }
  return { id, effect, text, line, column, actions: actionsOf(action) }
}

/** The scope of a rule names actions and groups of them; conditions may narrow it further, and are not looked at here. */
function actionsOf(constraint: Cedar.ActionConstraint): ReadonlySet<ActionName> {
  if (constraint.op === 'All') return new Set(actionNames)
  const named =
    'entities' in constraint ? constraint.entities : 'entity' in constraint ? [constraint.entity] : undefined
  if (named === undefined) return new Set(actionNames)
  const ids = new Set(named.map((uid) => ('__entity' in uid ? uid.__entity.id : uid.id)))
  // `==` with a group is true of no action, and the engine says so.
  return new Set(actionNames.filter((name) => ids.has(name) || ids.has(actionRule(name).group)))
}

function problemOf(text: string, error: Cedar.DetailedError, severity: RuleProblem['severity']): RuleProblem {
  const { message, help, sourceLocations } = error
  const [place] = sourceLocations ?? []
  // The engine counts bytes of UTF-8.
  const at = place === undefined ? 0 : Buffer.from(text).subarray(0, place.start).toString().length
  // `policy7` is the engine's name for the eighth rule; the place says it better.
  const plain = message.replace(/^for policy `policy\d+`[,:] /, '')
  const told = place?.label ? `${plain}: ${place.label}` : plain
  const problem = { ...placeOf(text, at), message: told, severity }
  return help === null ? problem : { ...problem, help }
}

function wrong(reason: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: `rules: ${reason}` })
}
