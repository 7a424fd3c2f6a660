/** What the address of the designer keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

const text = z.catch(z.optional(z.string().check(z.maxLength(128))), undefined)

export const designerSearch = z.object({
  /** Of a workflow that is shipped or saved; a new one without it. */
  name: text,
  /** The step that is looked at. */
  step: text,
  /** The run whose states stand on the steps. */
  job: text,
})
