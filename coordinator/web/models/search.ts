/** What the address of models and a model keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const modelsSearch = z.object({})
