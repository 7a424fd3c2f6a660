/** What the address of the query page keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const querySearch = z.object({})
