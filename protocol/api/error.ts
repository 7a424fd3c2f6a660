/** Errors as HTTP answers: OpenAI's body, and RFC 9457 problems for everything else. */
import { type ErrorCode, errorFromWire, errorRules, HartonomousError, remedyOf } from '../errors.ts'
import { leaseTtlMs } from '../limits.ts'

export interface HttpError<Body> {
  status: number
  headers: Record<string, string>
  body: Body
}

export interface OpenAiErrorBody {
  error: {
    message: string
    type: string
    /** The field of the request that is meant, where it is one. */
    param: string | null
    code: string | null
  }
  /** With `fields`, so that our own programs get back the error that it was. */
  x_hartonomous: { code: ErrorCode; fields: Record<string, unknown>; fix?: string }
}

/** Codes that client libraries know; others keep ours. Source: platform.openai.com, error codes. */
const openAiCodes: { readonly [code in ErrorCode]?: string } = {
  ERR_AUTH: 'invalid_api_key',
  ERR_CONTEXT_LENGTH: 'context_length_exceeded',
  ERR_QUEUE_FULL: 'rate_limit_exceeded',
}

export function errorToOpenAi(error: HartonomousError): HttpError<OpenAiErrorBody> {
  const rule = errorRules[error.code]
  const fields = error.fields as { param?: unknown; kind?: unknown }
  const isModelMissing = error.code === 'ERR_NOT_FOUND' && fields.kind === 'model'
  const code = isModelMissing ? 'model_not_found' : (openAiCodes[error.code] ?? error.code)
  const param = typeof fields.param === 'string' ? fields.param : isModelMissing ? 'model' : null
  const fix = remedyOf(error)
  return {
    status: rule.http,
    headers: { 'content-type': 'application/json; charset=utf-8', ...retryHeaders(error) },
    body: {
      error: { message: error.message, type: rule.openai, param, code },
      x_hartonomous: { code: error.code, fields: { ...error.fields }, ...(fix === undefined ? {} : { fix }) },
    },
  }
}

/** RFC 9457. `code` and `fields` are ours: branch on `code`. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  fields: Record<string, unknown>
  fix?: string
}

export function errorToProblem(error: HartonomousError): HttpError<ProblemBody> {
  const status = errorRules[error.code].http
  const fix = remedyOf(error)
  const body: ProblemBody = {
    type: `urn:hartonomous:error:${error.code}`,
    title: titleOf(error.code),
    status,
    detail: error.message,
    code: error.code,
    fields: { ...error.fields },
  }
  if (fix !== undefined) body.fix = fix
  return { status, headers: { 'content-type': 'application/problem+json', ...retryHeaders(error) }, body }
}

/** `ERR_QUEUE_FULL` -> `Queue full`: the same for every occurrence, as the RFC asks. */
function titleOf(code: ErrorCode): string {
  const words = code.slice('ERR_'.length).toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/**
 * `Retry-After` of a 429 or 503 that is worth trying again. Where the error names no time it is one heartbeat: what is
 * missing (a source, a node, a free database) is noticed at that pace.
 */
export function retryHeaders(error: HartonomousError): Record<string, string> {
  const { http, retryable } = errorRules[error.code]
  const { retryAfterMs } = error.fields as { retryAfterMs?: unknown }
  const isKnown = typeof retryAfterMs === 'number' && Number.isFinite(retryAfterMs) && retryAfterMs >= 0
  if (!isKnown && !(retryable && (http === 429 || http === 503))) return {}
  const waitMs = isKnown ? retryAfterMs : leaseTtlMs / 3
  return { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))), 'retry-after-ms': String(Math.ceil(waitMs)) }
}

/** Back to the error that it was; a body that is no problem of ours becomes ERR_IO with what it says. */
export function errorFromProblem(status: number, text: string, url: string): HartonomousError {
  try {
    const body = JSON.parse(text) as Partial<ProblemBody> & Partial<OpenAiErrorBody>
    const { code, fields } = body.x_hartonomous ?? body
    if (typeof code === 'string' && typeof fields === 'object' && fields !== null)
      return errorFromWire({ code, fields })
  } catch {
    // Not JSON: told as it is.
  }
  return new HartonomousError('ERR_IO', { path: url, reason: `HTTP ${status} ${text.slice(0, 200)}` })
}
