/** What the address of the chat keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const playSearch = z.object({})
