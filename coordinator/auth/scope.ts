/** What a role may do, and how it is asked for. */
import { type Identity, type Role, refuseAction, type Scope, scopes } from '../identity.ts'

const readerScopes: readonly Scope[] = ['network:read', 'query', 'jobs:read']
const memberScopes: readonly Scope[] = [...readerScopes, 'jobs:write', 'infer', 'keys']

const scopesByRole: Readonly<Record<Role, readonly Scope[]>> = {
  owner: scopes,
  operator: scopes,
  member: memberScopes,
  reader: readerScopes,
}

export function scopesOfRole(role: Role): ReadonlySet<Scope> {
  return new Set(scopesByRole[role])
}

/** The least role that has them all: a key has scopes, and no role of its own. Never `owner`, which is of this machine. */
export function roleOfScopes(wanted: ReadonlySet<Scope>): Role {
  if (wanted.has('admin')) return 'operator'
  return wanted.isSubsetOf(scopesOfRole('reader')) ? 'reader' : 'member'
}

/** @throws {ERR_AUTH} {ERR_FORBIDDEN} */
export function assertScope(identity: Identity, scope: Scope): void {
  if (identity.scopes.has(scope)) return
  refuseAction(identity, scope, `${identity.name.slice(0, 100)} (${identity.role}) lacks the scope ${scope}`)
}

/** Names that are no scope of ours are left out: what is stored may be of a later version. */
export function readScopes(names: readonly string[]): ReadonlySet<Scope> {
  return new Set(scopes.filter((scope) => names.includes(scope)))
}
