/** What the address of the designer keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const designerSearch = z.object({})
