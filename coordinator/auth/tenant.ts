/**
 * Tenants of those who come from outside, as one text each: no two of (issuer, which claim, subject) give the same.
 *
 *     https://issuer/path#oid=SUBJECT     eip155:CHAIN:0xADDRESS     local:owner
 *
 * The URL of an issuer has no fragment (OpenID Connect Discovery 1.0, section 3), so the first `#` ends it; the claim is
 * named, because what one issuer says in `oid` and in `sub` are different people.
 */
import { HartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import type { TenantId } from '#sql/store/index.ts'

export const ownerTenant: TenantId = 'local:owner'
/** Of those who look at the map without credentials; nothing is ever kept for it. */
export const visitorTenant: TenantId = 'local:visitor'
/** Of the coordinator itself: its API keys are rows there. */
export const coordinatorTenant: TenantId = 'local:coordinator'

/** A tenant of the store has 1,024 characters at most; `sub` has 255 (OpenID Connect Core 1.0, section 2). */
export const issuerCharactersMax = 512
const subjectCharactersMax = 255

/** Of a token whose issuer is one of ours and whose signature holds. @throws {ERR_AUTH} */
export function tenantOfClaims(issuer: string, claims: { oid?: unknown; sub?: unknown }): TenantId {
  const claim = claims.oid === undefined ? 'sub' : 'oid'
  const subject = claims[claim]
  if (issuer.includes('#') || issuer.length > issuerCharactersMax) refuse('the issuer is no URL of an issuer')
  if (typeof subject !== 'string' || subject === '') refuse(`the access token has no usable ${claim}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (subject.length > subjectCharactersMax || !subject.isWellFormed() || /[\u0000-\u001f\u007f]/.test(subject))
    refuse(`the ${claim} of the access token is too long, or no text`)
  return `${issuer}#${claim}=${subject}`
}

export function tenantOfWallet(chainId: number, address: Address): TenantId {
  return `eip155:${chainId}:${address}`
}

function refuse(reason: string): never {
  throw new HartonomousError('ERR_AUTH', { reason })
}
