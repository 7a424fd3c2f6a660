/** Requests are checked where they are acted upon, whichever face they came through. */
import type { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'

/** @throws {ERR_USAGE} naming the first field that does not fit, as `work.messages.0.content` */
export function parseRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const param = issue?.path.join('.') ?? ''
  const message = `${param === '' ? 'the request' : param}: ${issue?.message ?? 'not valid'}`
  throw new HartonomousError('ERR_USAGE', param === '' ? { message } : { message, param })
}
