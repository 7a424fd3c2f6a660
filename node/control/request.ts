/** What the routes have in common: bodies are checked, and work ends when its caller goes away. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'

/** @throws {ERR_USAGE} naming the first field that does not fit. */
export function parseBody<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value ?? {})
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new HartonomousError('ERR_USAGE', {
    message: `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`,
  })
}

/** Aborts when the caller goes away before the answer was sent. */
export function requestSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the caller went away'))
  })
  return controller.signal
}

/** Until a slow reader has taken what was written. */
export async function drained(raw: ServerResponse, signal: AbortSignal): Promise<void> {
  await once(raw, 'drain', { signal })
}
