import type { Command } from '../command.ts'
import {
  connectToCoordinator,
  coordinatorOptionHelp,
  coordinatorOptions,
  findCoordinator,
  runCoordinatorProcess,
} from '../coordinator.ts'

export const mcp: Command = {
  name: 'mcp',
  summary: 'Tools of the coordinator for AI agents: MCP over stdin and stdout.',
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart mcp', 'claude mcp add hartonomous -- hart mcp --coordinator https://swarm.example'],
  async run(context) {
    // Told here, where a person may see it, and not as a broken pipe to an agent.
    await connectToCoordinator(context)
    const { url, token } = await findCoordinator(context)
    const environment = {
      ...context.environment,
      HARTONOMOUS_COORDINATOR_URL: url,
      ...(token === undefined ? {} : { HARTONOMOUS_API_KEY: token }),
    }
    return runCoordinatorProcess('mcp', [], { ...context, environment })
  },
}
