/** Errors of an answer as they cross between peers. */
import { type ErrorCode, isHartonomousError, type WireError } from '#protocol/errors.ts'

/** Codes that may cross between peers, both ways. All others tell about the inside of a node, or make no sense from outside. */
export const peerErrorCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_USAGE',
  'ERR_NOT_FOUND',
  'ERR_REFUSED_BY_POLICY',
  'ERR_LIMIT',
  'ERR_TIMEOUT',
  'ERR_ENGINE_UNAVAILABLE',
  'ERR_ENGINE_CRASHED',
  'ERR_MODEL_UNSUPPORTED',
  'ERR_QUEUE_FULL',
  'ERR_CONTEXT_LENGTH',
  'ERR_UNPAID',
])

export function errorForPeer(error: unknown): WireError {
  if (isHartonomousError(error) && peerErrorCodes.has(error.code))
    return { code: error.code, fields: { ...error.fields } }
  return { code: 'ERR_ENGINE_UNAVAILABLE', fields: { reason: 'internal error' } }
}
