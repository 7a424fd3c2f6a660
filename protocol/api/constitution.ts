/** The constitution of a coordinator and the log of what it decided, as its API gives them. Times in ms since 1970. */
import { z } from 'zod'
import { constitutionBytesMax, decisionsAskedMax } from '../limits.ts'

const hash = z.string().describe('SHA-256, hexadecimal.')
export const rulesText = z.string().max(constitutionBytesMax).describe('Rules of Cedar, each with an @id.')

export const constitutionView = z.object({
  hash,
  text: z.string(),
  ruleCount: z.int(),
  sinceMs: z.number().exactOptional().describe('Since when it is in force; absent where it is not.'),
  parentHash: hash.exactOptional().describe('Of what a job forbade itself: the rules on top of which it stands.'),
  schema: z.string().describe('What rules can speak about.'),
})
export type ConstitutionView = z.infer<typeof constitutionView>

export const constitutionVersion = z.object({ hash, atMs: z.number() })
export type ConstitutionVersion = z.infer<typeof constitutionVersion>

export const ruleProblem = z.object({
  line: z.int(),
  column: z.int(),
  severity: z.enum(['error', 'warning']),
  message: z.string(),
  help: z.string().exactOptional(),
})
export const checkView = z.object({
  problems: z.array(ruleProblem),
  hash: hash.exactOptional().describe('Of a text without errors: it could be put in force.'),
  ruleCount: z.int().exactOptional(),
})
export type CheckView = z.infer<typeof checkView>

export const decideRequest = z.strictObject({
  requests: z
    .array(z.record(z.string(), z.json()))
    .min(1)
    .max(decisionsAskedMax)
    .describe('Each `{principal, action, resource, context}`, as the log has them.'),
  text: rulesText.exactOptional().describe('Under these rules instead of those in force.'),
})
export type DecideRequest = z.infer<typeof decideRequest>

export const decisionView = z.object({
  isAllowed: z.boolean(),
  reasons: z.array(z.string()).describe('Names of the rules that decided.'),
  errors: z.array(z.string()).describe('Names of the rules that could not be evaluated.'),
  why: z.string(),
  policyHash: hash,
})
export type DecisionView = z.infer<typeof decisionView>

export const auditEntryView = z.object({
  seq: z.int(),
  atMs: z.number(),
  action: z.string(),
  tenant: z.string(),
  isAllowed: z.boolean(),
  decision: z
    .object({
      request: z.record(z.string(), z.unknown()),
      reasons: z.array(z.string()),
      errors: z.array(z.string()),
      isDecidable: z.boolean(),
      policyHash: hash,
      schemaHash: hash,
      engine: z.string(),
    })
    .exactOptional()
    .describe('Absent of an entry that cannot be read: a replay says why.'),
})
export type AuditEntryView = z.infer<typeof auditEntryView>

export const auditReportView = z.object({
  entryCount: z.int(),
  head: z.string().describe('Of the last entry: written down elsewhere, it shows whether entries are gone.'),
  decisionCount: z.int(),
  differenceCount: z.int().describe('0: all is as it was.'),
  differences: z.array(z.object({ seq: z.int(), reason: z.string() })).describe('The first of them.'),
})
export type AuditReportView = z.infer<typeof auditReportView>
