import { z } from 'zod'
import { agentTextBytesMax } from '#protocol/limits.ts'
import { defineTool } from '../tool/tool.ts'
import { runAgent } from './run-agent.ts'
import { agentTemplate } from './template.ts'

export const agent = defineTool({
  name: 'agent',
  description: 'Plans a goal, gives each task to a node as a job, checks the results and joins them: {output, plan}.',
  args: z.strictObject({ goal: z.string().min(1).max(agentTextBytesMax), template: agentTemplate }),
  run: ({ goal, template }, { key, step, signal, host }) => runAgent(host, { key, step, goal, template, signal }),
})
