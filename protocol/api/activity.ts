/** What peers asked of a node in the last hour, and what became of it, as its status has it. */
import { z } from 'zod'
import { refusalReasons } from './refusals.ts'

const refused = z
  .partialRecord(z.enum(refusalReasons), z.number())
  .describe('Requests by reason; a reason that is not there did not occur.')

export const activityView = z.object({
  sinceMs: z.number().describe('An hour ago, or the start of the node where that is later; counted by the minute.'),
  chunks: z.object({
    served: z.number().describe('Requests for blocks of chunks that were sent in full.'),
    bytes: z.number(),
    refused,
  }),
  answers: z.object({
    served: z.number().describe('Prompts of peers that were answered, embeddings included.'),
    tokens: z.number().describe('Read and written.'),
    refused,
  }),
  help: z.string().exactOptional().describe('The one thing that would bring most of what was refused.'),
})
export type ActivityView = z.infer<typeof activityView>
