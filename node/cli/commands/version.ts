import { version as ownVersion } from '../../runtime/version.ts'
import type { Command } from '../command.ts'

export const version: Command = {
  name: 'version',
  summary: 'Version of this program and of Node.',
  examples: ['hart version --json'],
  async run({ output }) {
    const view = { version: ownVersion, node: process.version, platform: `${process.platform}-${process.arch}` }
    if (output.json) output.value(view)
    else output.line(`${view.version} (Node ${view.node}, ${view.platform})`)
    return 0
  },
}
