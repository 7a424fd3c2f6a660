import { isHartonomousError } from '#protocol/errors.ts'
import { jsonIn } from '../tool/parse-json.ts'
import type { ResultCheck } from './template.ts'

/** What is wrong with a result, as it is told to the model; `undefined` where nothing is. */
export function resultProblem(text: string, check: ResultCheck): string | undefined {
  const { length } = text.trim()
  const { charactersMin = 1, charactersMax, keys } = check
  if (length === 0) return 'it is empty'
  if (length < charactersMin) return `it has ${length} characters, and should have ${charactersMin} at least`
  if (charactersMax !== undefined && length > charactersMax)
    return `it has ${length} characters, and should have ${charactersMax} at most`
  return keys === undefined ? undefined : objectProblem(text, keys)
}

function objectProblem(text: string, keys: readonly string[]): string | undefined {
  try {
    const value = jsonIn(text, 'it')
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is no JSON object'
    const missing = keys.filter((key) => !Object.hasOwn(value, key))
    return missing.length === 0 ? undefined : `it lacks ${missing.join(', ')}`
  } catch (error) {
    if (isHartonomousError(error, 'ERR_DECODE')) return error.message
    throw error
  }
}

/** Small models write around it: the first word decides. */
export function judgeSaysYes(answer: string): boolean {
  return /^[^a-z]*yes\b/i.test(answer)
}
