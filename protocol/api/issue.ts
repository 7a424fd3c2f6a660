/** What is wrong with a request, in words that name the field. */
import type { z } from 'zod'
import { HartonomousError } from '../errors.ts'

/** `what`: which part of a request it is. @throws {ERR_USAGE} naming the first field that does not fit */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown, what: 'path' | 'query' | 'body'): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = deepestIssue(result.error.issues[0])
  const param = paramOf(issue?.path ?? [])
  const message = `${param === '' ? what : param}: ${issue?.message ?? 'not valid'}`.slice(0, 300)
  throw new HartonomousError('ERR_USAGE', param === '' ? { message } : { message, param })
}

/** `['messages', 0, 'content']` -> `messages[0].content`. */
export function paramOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`))
    .join('')
    .slice(0, 200)
}

/** Where a value fits none of several forms, the form that got furthest says best what is wrong: `content[1].type`. */
export function deepestIssue(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue
  const inner = issue.errors.flat().toSorted((a, b) => b.path.length - a.path.length)[0]
  if (inner === undefined || inner.path.length === 0) return issue
  return { ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue
}
