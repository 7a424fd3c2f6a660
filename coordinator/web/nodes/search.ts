/** What the address of a node keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const nodesSearch = z.object({})
