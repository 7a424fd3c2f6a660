/** What the address of the map keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const networkSearch = z.object({})
