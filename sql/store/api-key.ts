/** Keys by which programs call a coordinator. The key itself is nowhere: its hash is. */
export interface ApiKeyRow {
  /** Public part, names the key in lists. */
  keyId: string
  /** 32 bytes. */
  hash: Uint8Array
  /** Whose it is: the tenant that made it. */
  holder: string
  label: string
  scopes: string[]
  createdAtMs: number
  expiresAtMs?: number
  revokedAtMs?: number
  lastUsedAtMs?: number
}

/** All keys are rows of one tenant, the coordinator's own: who comes with a key has no tenant yet. */
export interface ApiKeyStore {
  /** @throws {ERR_STORE_DUPLICATE} */
  insertApiKey(key: ApiKeyRow): Promise<void>
  getApiKey(keyId: string): Promise<ApiKeyRow | undefined>
  listApiKeys(holder: string): Promise<ApiKeyRow[]>
  /** False where it is unknown or was revoked before. */
  revokeApiKey(keyId: string, atMs: number): Promise<boolean>
  /** Of many at once; never backwards. */
  touchApiKeys(uses: { keyId: string; atMs: number }[]): Promise<void>
}
