/** `hart pause`, `resume`, `drain`, `down`: the owner decides when the node works. */
import type { StatusView } from '#protocol/api/control.ts'
import type { Command } from '../command.ts'

function control(name: 'pause' | 'resume' | 'drain', summary: string): Command {
  return {
    name,
    summary,
    examples: [`hart ${name}`],
    async run(context) {
      const view = await (await context.connect()).post<StatusView>(`/api/v1/node/${name}`)
      if (context.output.json) context.output.value({ state: view.state, reason: view.reason })
      else context.output.line(`${view.state}: ${view.reason}`)
      return 0
    },
  }
}

export const pause = control('pause', 'Take no new work; what runs goes on.')
export const resume = control('resume', 'Work again after a pause or drain.')
export const drain = control('drain', 'Finish what runs, take nothing new, and say when it is done.')

export const down: Command = {
  name: 'down',
  aliases: ['stop'],
  summary: 'Stop the running node in an orderly way.',
  examples: ['hart down'],
  async run(context) {
    await (await context.connect()).post('/api/v1/node/stop')
    if (context.output.json) context.output.value({ stopping: true })
    else context.output.line('stopping')
    return 0
  },
}
