/** Rules tried out: what is wrong with a text, and what one would decide. Nothing is changed or written down. */
import type { CheckView, DecisionView } from '#protocol/api/constitution.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { decide, refusalOf } from './decision.ts'
import { constitutionOf, type PolicySet } from './policy-set.ts'
import { type DecisionRequest, parseRequest } from './request.ts'
import { problemsOf } from './rule.ts'

/** @throws {ERR_LIMIT} {ERR_USAGE} for what is not even read, and for what is about no place: ids that are there twice */
export function checkRules(text: string): CheckView {
  const problems = problemsOf(text).map(({ help, ...problem }) => (help === undefined ? problem : { ...problem, help }))
  if (problems.some(({ severity }) => severity === 'error')) return { problems }
  const { hash, ruleCount } = constitutionOf(text)
  return { problems, hash, ruleCount }
}

/** @throws {ERR_USAGE} naming the request that is none {ERR_LIMIT} */
export function rehearse(rules: PolicySet | string, requests: readonly unknown[]): DecisionView[] {
  const set = typeof rules === 'string' ? constitutionOf(rules) : rules
  return requests.map((asked, at) => {
    const decision = decide(set, requestAt(asked, at))
    const { isAllowed, reasons, errors, policyHash } = decision
    const why = isAllowed ? `permitted by ${reasons.join(', ')}` : refusalOf(decision)
    return { isAllowed, reasons, errors, why, policyHash }
  })
}

function requestAt(asked: unknown, at: number): DecisionRequest {
  try {
    return parseRequest(asked)
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_USAGE')) throw error
    const param = `requests[${at}]`
    throw new HartonomousError('ERR_USAGE', { message: `${param}: ${error.message}`, param }, { cause: error })
  }
}
