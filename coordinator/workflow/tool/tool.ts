/** What a tool is: a name, the shape of its arguments, and code that only reads. */
import type { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import type { WorkflowHost } from '../host.ts'

export interface ToolContext {
  signal: AbortSignal
  /** Unlike that of any other call, and the same again when this one is resumed: `JOB/STEP`. */
  key: string
  /** The step, for jobs that the tool gives away. */
  step: string
  host: WorkflowHost
}

export interface Tool {
  name: string
  /** One sentence, for people and models. */
  description: string
  args: z.ZodType
  /** Gives JSON. @throws {ERR_USAGE} for arguments of another shape */
  run(args: unknown, context: ToolContext): Promise<unknown>
}

export interface ToolDefinition<A extends z.ZodType> {
  name: string
  description: string
  args: A
  run(args: z.infer<A>, context: ToolContext): unknown
}

export function defineTool<A extends z.ZodType>(definition: ToolDefinition<A>): Tool {
  const { name, description, args: shape } = definition
  const parse = (args: unknown): z.infer<A> => {
    const parsed = shape.safeParse(args)
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    const param = ['args', ...(issue?.path ?? [])].join('.')
    throw new HartonomousError('ERR_USAGE', { message: `${name}: ${param}: ${issue?.message ?? 'not valid'}`, param })
  }
  return {
    name,
    description,
    args: shape,
    run: async (args, context) => definition.run(parse(args), context),
  }
}
