/** Who calls: found out once per request, and passed down to everything that acts for it. */
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
