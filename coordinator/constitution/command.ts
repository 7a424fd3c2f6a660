/**
 * Rules on files, without a coordinator: for an owner who writes them, and for a CI that keeps them.
 *   node coordinator/constitution/command.ts print            the shipped constitution
 *   node coordinator/constitution/command.ts schema           what rules can speak about
 *   node coordinator/constitution/command.ts check RULES      what is wrong with a file
 *   node coordinator/constitution/command.ts test RULES CASES what it decides: a JSON object per line, see `policyCase`
 * Exit status: 0 all is well, 1 something is not, 2 not understood.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { isHartonomousError } from '#protocol/errors.ts'
import { decide, refusalOf } from './decision.ts'
import { defaultText } from './default.ts'
import { constitutionOf } from './policy-set.ts'
import { parseRequest } from './request.ts'
import { problemsOf } from './rule.ts'
import { schemaText } from './schema.ts'

const policyCase = z.object({
  /** A sentence: what holds. */
  says: z.string().min(1),
  isAllowed: z.boolean(),
  request: z.unknown(),
})

/** What goes to stdout, and the exit status. @throws {ERR_USAGE} {ERR_LIMIT} */
export function runPolicyCommand(
  args: readonly string[],
  read: (file: string) => string,
): [lines: string[], status: number] {
  const [verb, rules, cases, ...rest] = args
  if (verb === 'print' && rules === undefined) return [[defaultText().trimEnd()], 0]
  if (verb === 'schema' && rules === undefined) return [[schemaText.trimEnd()], 0]
  if (verb === 'check' && rules !== undefined && cases === undefined) return check(rules, read(rules))
  if (verb === 'test' && rules !== undefined && cases !== undefined && rest.length === 0) {
    return test(read(rules), cases, read(cases))
  }
  return [['usage: print | schema | check RULES | test RULES CASES'], 2]
}

function check(file: string, text: string): [string[], number] {
  const problems = problemsOf(text)
  const lines = problems.map(({ line, column, severity, message, help }) => {
    return `${file}:${line}:${column}: ${severity}: ${message}${help === undefined ? '' : ` (${help})`}`
  })
  if (problems.some(({ severity }) => severity === 'error')) return [lines, 1]
  // What is not about a place: ids, numbers and sizes.
  const { ruleCount, hash } = constitutionOf(text)
  return [[...lines, `${file}: ${ruleCount} rules, sha256:${hash}`], 0]
}

function test(rules: string, file: string, cases: string): [string[], number] {
  const set = constitutionOf(rules)
  let failed = 0
  const lines = cases.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const { says, isAllowed, request } = parseCase(line, `${file}:${index + 1}`)
    const decision = decide(set, parseRequest(request))
    const isAsSaid = decision.isAllowed === isAllowed
    if (!isAsSaid) failed++
    const why = decision.isAllowed ? `permitted by ${decision.reasons.join(', ')}` : refusalOf(decision)
    return [`${isAsSaid ? 'ok  ' : 'FAIL'} ${says}: ${why}`]
  })
  return [lines, failed === 0 ? 0 : 1]
}

function parseCase(line: string, place: string): z.infer<typeof policyCase> {
  try {
    return policyCase.parse(JSON.parse(line))
  } catch (error) {
    throw new Error(`${place}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

if (import.meta.main) {
  try {
    const [lines, status] = runPolicyCommand(process.argv.slice(2), (file) => readFileSync(file, 'utf8'))
    process.stdout.write(`${lines.join('\n')}\n`)
    process.exitCode = status
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = isHartonomousError(error) ? 1 : 2
  }
}
