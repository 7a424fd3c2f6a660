/** `hart open`, `hart coordinator open`: how a browser gets in as the owner. */
import { formatDuration } from '#protocol/units.ts'
import { ControlClient } from '../client.ts'
import type { Command, CommandContext } from '../command.ts'
import { coordinatorOptionHelp, coordinatorOptions, findCoordinator } from '../coordinator.ts'

export const open: Command = {
  name: 'open',
  summary: 'A link to the page of this node, which lets a browser in as its owner: once, within ten minutes.',
  examples: ['hart open', 'xdg-open "$(hart open --json | jq -r .url)"'],
  async run(context) {
    await printLink(context, await context.connect(), '/my-node')
    return 0
  },
}

export const coordinatorOpen: Command = {
  name: 'coordinator open',
  summary: 'A link to the explorer of the coordinator, which lets a browser in as its owner: once, within ten minutes.',
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart coordinator open'],
  async run(context) {
    const { url, token = '' } = await findCoordinator(context)
    await printLink(context, new ControlClient(url, token, context.signal), '/')
    return 0
  },
}

/** The token is in the fragment: browsers send that to no server. */
async function printLink({ output }: CommandContext, client: ControlClient, path: string): Promise<void> {
  const { token, ttlMs } = await client.post<{ token: string; ttlMs: number }>('/api/v1/session/links')
  const url = `${new URL(path, client.apiUrl)}#${token}`
  if (output.json) output.value({ url, ttlMs })
  else {
    output.line(url)
    output.note(`opens once, within ${formatDuration(ttlMs)}`)
  }
}
