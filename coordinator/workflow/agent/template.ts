/** What an agent is made of: a model, bounds, what it must never do, and what it does where its own plan is no plan. */
import { z } from 'zod'
import { agentAnswerTokensMax, agentDepthMax, agentTasksMax, agentTextBytesMax } from '#protocol/limits.ts'

const text = z.string().min(1).max(agentTextBytesMax)
const id = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower case letters, digits and -')

export const agentTask = z.strictObject({
  id,
  task: z.string().min(1).max(1000),
  /** Tasks whose results it is given. */
  after: z.array(id).max(agentTasksMax).optional(),
  /** An agent of its own plans it further. */
  split: z.boolean().optional(),
})
export type AgentTask = z.infer<typeof agentTask>

/** What each result must be; it is asked for a second time with the complaint, then the agent fails. */
const check = z.strictObject({
  charactersMin: z.int().min(1).max(100_000).optional(),
  charactersMax: z.int().min(1).max(1_000_000).optional(),
  /** A JSON object that has these keys. */
  keys: z.array(z.string().min(1).max(128)).max(64).optional(),
  /** A model judges: asked this about task and result, its answer begins with yes. */
  judge: text.optional(),
})
export type ResultCheck = z.infer<typeof check>

/** Only forbids: what the parent may not do, a child may not either, whatever it says. */
const forbid = z.strictObject({
  action: z.enum(['useTool', 'delegate', 'submit']),
  /** A tool, an agent, a model; everything, unless given. */
  resource: z.string().min(1).max(2048).optional(),
})
export type Forbid = z.infer<typeof forbid>

/** For most goals: small models write no plan at all. */
const fallbackDefault: AgentTask[] = [
  { id: 'facts', task: 'List what is known that matters for the goal.' },
  { id: 'draft', task: 'Write a first answer.', after: ['facts'] },
]

export const agentTemplate = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,47}$/, 'lower case letters, digits and -')
    .default('parent'),
  model: z.string().min(1).max(2048),
  /** Who the agent is; said before every prompt. */
  system: text.optional(),
  fallback: z.array(agentTask).min(1).max(agentTasksMax).default(fallbackDefault),
  check: check.default({}),
  merge: text.default('Write the whole answer to the goal from these results.'),
  forbid: z.array(forbid).max(64).default([]),
  /** Tasks of one plan. */
  tasksMax: z.int().min(1).max(agentTasksMax).default(6),
  /** 1: no agent below it. */
  depthMax: z.int().min(1).max(agentDepthMax).default(1),
  /** Of all answers together, those of agents below included. */
  answerTokensMax: z.int().min(1).max(agentAnswerTokensMax).default(8192),
  /** Of all jobs together; without it the coordinator's own bounds hold. */
  maxPriceWei: z
    .string()
    .regex(/^\d{1,30}$/, 'decimal digits of wei')
    .optional(),
})
export type AgentTemplate = z.infer<typeof agentTemplate>
