/** What the address of the stake page keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

/** What an address cannot be is left out: the page then shows that of the wallet, or none. */
const account = z.catch(z.optional(z.string().check(z.regex(/^0x[0-9a-fA-F]{40}$/))), undefined)

export const stakeSearch = z.object({
  /** Whose position is shown. */
  address: account,
  /** To whom a delegation is being written. */
  delegate: account,
})
