/** A decision: pure, the same for the same texts and the same question. */
import { HartonomousError } from '#protocol/errors.ts'
import { decisionRulesMax } from '#protocol/limits.ts'
import { authorize } from './engine.ts'
import type { PolicySet } from './policy-set.ts'
import { type DecisionRequest, engineRequestOf } from './request.ts'
import { schemaHash, schemaText } from './schema.ts'

export interface Decision {
  isAllowed: boolean
  /** Names of the rules that decided, sorted, `decisionRulesMax` at most; none where nothing permits it. */
  reasons: string[]
  /** Names of the rules that could not be evaluated, likewise. One of them that forbids is as good as true. */
  errors: string[]
  /** Where the request as such is not one that can be decided. */
  problem?: string
  policyHash: string
  schemaHash: string
}

export interface SchemaText {
  hash: string
  text: string
}

const currentSchema: SchemaText = { hash: schemaHash, text: schemaText }

/** `schema`: for replays of what was decided under an older one. */
export function decide(set: PolicySet, request: DecisionRequest, schema: SchemaText = currentSchema): Decision {
  const rules = set.rulesOf[request.action]
  const decision = { policyHash: set.hash, schemaHash: schema.hash }
  try {
    const { isAllowed, reasons, errors, problem } = authorize(
      {
        schema: { key: schema.hash, text: schema.text },
        rules: {
          key: `${set.hash} ${request.action}`,
          texts: () => Object.fromEntries(rules.map(([name, rule]) => [name, rule.text])),
        },
      },
      engineRequestOf(request),
    )
    const broken = new Set(errors.map(({ rule }) => rule))
    const brokenForbids = rules.filter(([name, { effect }]) => effect === 'forbid' && broken.has(name))
    const verdict = {
      // Cedar passes over a rule with an error, also over one that would forbid.
      isAllowed: isAllowed && brokenForbids.length === 0,
      reasons: namesOf(isAllowed && brokenForbids.length > 0 ? brokenForbids.map(([name]) => name) : reasons),
      errors: namesOf([...broken]),
      ...decision,
    }
    return problem === undefined ? verdict : { ...verdict, problem: problem.slice(0, problemCharactersMax) }
  } catch (error) {
    if (!(error instanceof HartonomousError)) throw error
    const problem = error.message.slice(0, problemCharactersMax)
    return { isAllowed: false, reasons: [], errors: [], problem, ...decision }
  }
}

const problemCharactersMax = 300

function namesOf(names: readonly string[]): string[] {
  return names.toSorted().slice(0, decisionRulesMax)
}

/** Why not, for whoever asked. */
export function refusalOf({ reasons, errors, problem }: Decision): string {
  if (problem !== undefined) return problem
  if (reasons.length === 0) return 'no rule of the constitution permits it'
  const rules = reasons.length === 1 ? `the rule ${reasons[0]}` : `the rules ${reasons.join(', ')}`
  const isBroken = reasons.every((name) => errors.includes(name))
  return isBroken
    ? `${rules} could not be evaluated`
    : `${rules} of the constitution forbid${reasons.length === 1 ? 's' : ''} it`
}
