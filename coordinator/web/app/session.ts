/** Who looks: a visitor, the owner by the link that `hart open` prints, or whoever brought a key or a wallet. */
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import { errorFromProblem } from '#protocol/api/error.ts'
import type { routesElsewhere } from '#protocol/api/routes/elsewhere.ts'
import { authorized, keepToken } from './token.ts'

export type IdentityView = z.output<(typeof routesElsewhere)['whoAmI']['answer']['schema']>

/** Of 32 bytes as base64url. */
const oneTimeToken = /^#([\w-]{43})$/

/**
 * The fragment of the address holds a one-time token when the page was opened by a printed link. It becomes a cookie, and
 * leaves the address bar and the history.
 * @returns why it did not work, where it did not
 */
export async function openSession(): Promise<string | undefined> {
  const token = oneTimeToken.exec(location.hash)?.[1]
  if (token === undefined) return undefined
  history.replaceState(history.state, '', `${location.pathname}${location.search}`)
  const response = await fetch('/api/v1/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  if (response.ok) return undefined
  return 'This link was used already or is older than ten minutes. Print a fresh one with hart open, or hart coordinator open.'
}

/** A link that is opened where a page of ours is open already changes the fragment, and loads nothing by itself. */
export function followLinks(): void {
  addEventListener('hashchange', () => {
    if (oneTimeToken.test(location.hash)) location.reload()
  })
}

export const identityQuery = queryOptions({
  queryKey: ['identity'],
  staleTime: 60_000,
  queryFn: async ({ signal }): Promise<IdentityView> => {
    const response = await authorized('/api/v1/auth/me', { signal })
    if (!response.ok) throw errorFromProblem(response.status, await response.text(), '/api/v1/auth/me')
    return (await response.json()) as IdentityView
  },
})

/** Undefined until it is known. */
export function useIdentity(): IdentityView | undefined {
  return useQuery(identityQuery).data
}

/** False until it is known. */
export function useScope(scope: string): boolean {
  return useIdentity()?.scopes.includes(scope) ?? false
}

/** Everything is read anew: another identity sees other things. */
export function useSignIn(): { signIn: (token: string) => Promise<IdentityView>; signOut: () => Promise<void> } {
  const queries = useQueryClient()
  return {
    signIn: async (token) => {
      keepToken(token)
      try {
        const identity = await queries.fetchQuery({ ...identityQuery, staleTime: 0, retry: false })
        await queries.invalidateQueries()
        return identity
      } catch (error) {
        keepToken(undefined)
        await queries.invalidateQueries({ queryKey: identityQuery.queryKey })
        throw error
      }
    },
    signOut: async () => {
      keepToken(undefined)
      await fetch('/api/v1/session', { method: 'DELETE' })
      await queries.resetQueries()
    },
  }
}
