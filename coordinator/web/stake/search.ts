/** What the address of the stake page keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const stakeSearch = z.object({})
