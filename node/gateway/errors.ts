/** Errors as HTTP answers: OpenAI bodies under `/v1`, RFC 9457 problems elsewhere. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { errorToOpenAi, errorToProblem } from '#protocol/api/index.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { httpBodyBytesMax } from '#protocol/limits.ts'

export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toKnownError(error, request)
  const answer = isOpenAiPath(request) ? errorToOpenAi(known) : errorToProblem(known)
  const isMediaType = (error as Partial<FastifyError>).code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE'
  const status = isMediaType ? 415 : answer.status
  void reply.code(status).headers(answer.headers)
  if (known.code === 'ERR_AUTH') void reply.header('www-authenticate', 'Bearer')
  // RFC 9457 section 3.1.3: a problem names the status that it came with.
  return reply.send(JSON.stringify('status' in answer.body ? { ...answer.body, status } : answer.body))
}

/** An error of ours as it is; those of the framework in our terms; anything else without its text. */
export function toKnownError(error: unknown, request: FastifyRequest): HartonomousError {
  if (isHartonomousError(error)) return error
  const { code = '', statusCode = 500, message = '' } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const actual = Number(request.headers['content-length'] ?? httpBodyBytesMax + 1)
    return new HartonomousError('ERR_LIMIT', { what: 'bytes of the request body', limit: httpBodyBytesMax, actual })
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new HartonomousError('ERR_USAGE', { message: 'the body must be application/json' })
  }
  if (statusCode >= 400 && statusCode < 500) {
    return new HartonomousError('ERR_USAGE', { message: `the request cannot be read: ${message.slice(0, 200)}` })
  }
  return new HartonomousError('ERR_IO', { path: 'node', reason: 'internal error' }, { cause: error })
}

function isOpenAiPath(request: FastifyRequest): boolean {
  return request.url === '/v1' || request.url.startsWith('/v1/')
}
