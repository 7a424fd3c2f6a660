/** An Idempotency-Key: 16 random bytes, hex. Also where the page has no secure origin, and so no `randomUUID`. */
export function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
