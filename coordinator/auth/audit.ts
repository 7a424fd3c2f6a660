/** What is written down of signing in. The coordinator appends it to its audit log; no secret is ever in it. */
import type { TenantId } from '#sql/store/index.ts'

export interface AuthAudit {
  event: 'signed-in' | 'sign-in-failed' | 'key-created' | 'key-revoked'
  atMs: number
  /** Absent where nobody was recognised. */
  tenant?: TenantId
  /** Of the token, key or session that was used, or of the key that was made or revoked. */
  credential?: string
  /** Client address; an IPv6 network of 64 bits. */
  address?: string
  reason?: string
}
