/** What the address of the chat keeps, which is its settings; what is said stays in the tab. */
import * as z from 'zod/mini'

export const privacyLabels = ['public', 'trusted', 'local'] as const

export const playSearch = z.object({
  /** Name or id. */
  model: z.catch(z.optional(z.string()), undefined),
  privacy: z.catch(z.optional(z.enum(privacyLabels)), undefined),
  /** The most that an answer may cost, in HART as it was typed. */
  max: z.catch(z.optional(z.coerce.string()), undefined),
  temperature: z.catch(z.optional(z.number().check(z.gte(0), z.lte(2))), undefined),
  tokens: z.catch(z.optional(z.int().check(z.gte(1), z.lte(32_768))), undefined),
  seed: z.catch(z.optional(z.int()), undefined),
})
export type PlaySearch = z.infer<typeof playSearch>
