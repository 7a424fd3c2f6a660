/** The bearer token of this tab: an API key or what a wallet got. The owner's browser has a cookie instead, which no script sees. */

const key = 'hartonomous-token'

export function readToken(): string | undefined {
  return sessionStorage.getItem(key) ?? undefined
}

/** Undefined forgets it. It goes with the tab. */
export function keepToken(token: string | undefined): void {
  if (token === undefined) sessionStorage.removeItem(key)
  else sessionStorage.setItem(key, token)
}

/** `fetch` to our own origin, with the token of this tab where there is one. */
export function authorized(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const token = readToken()
  if (token === undefined) return fetch(input, init)
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${token}`)
  return fetch(input, { ...init, headers })
}
