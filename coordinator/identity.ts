/** Who calls: found out once per request, and passed down to everything that acts for it. */
import { HartonomousError } from '#protocol/errors.ts'
import type { TenantId } from '#sql/store/types.ts'

/** `owner`: of the machine; `operator`: runs the coordinator; `member`: submits jobs; `reader`: looks on. */
export const roles = ['owner', 'operator', 'member', 'reader'] as const
export type Role = (typeof roles)[number]

/** What an API key may be limited to. */
export const scopes = ['network:read', 'query', 'jobs:read', 'jobs:write', 'infer', 'keys', 'admin'] as const
export type Scope = (typeof scopes)[number]

/** How it was found out. */
export const methods = ['owner', 'oidc', 'api-key', 'siwe', 'anonymous'] as const
export type Method = (typeof methods)[number]

export interface Identity {
  /** (issuer, subject): all that it sees and makes belongs to this tenant. */
  tenant: TenantId
  /** For people to read: an address, a mail, `owner`. */
  name: string
  role: Role
  scopes: ReadonlySet<Scope>
  method: Method
  /** Of the key, token or session, for the audit log; never a secret. */
  credential: string
}

/** Somebody who looks on, without credentials. */
export function isVisitor({ method, credential }: Identity): boolean {
  return method === 'anonymous' && credential === 'none'
}

/** Who has shown nothing may still sign in. @throws {ERR_AUTH} for a visitor {ERR_FORBIDDEN} */
export function refuseAction(identity: Identity, action: string, reason: string): never {
  if (isVisitor(identity))
    throw new HartonomousError('ERR_AUTH', {
      reason: 'no credentials: send Authorization: Bearer, with an API key or a token',
    })
  throw new HartonomousError('ERR_FORBIDDEN', { action, reason })
}
