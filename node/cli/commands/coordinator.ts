/** `hart coordinator`: a process of its own, which runs a node and adds registry, jobs and their API. */
import type { OutputOf } from '#protocol/api/routes/index.ts'
import { formatRate } from '#protocol/units.ts'
import { type Command, type CommandContext, globalOptions } from '../command.ts'
import {
  connectToCoordinator,
  coordinatorOptionHelp,
  coordinatorOptions,
  findCoordinator,
  runCoordinatorProcess,
} from '../coordinator.ts'
import { nodeOptionHelp, nodeOptions } from '../node-options.ts'

export const coordinatorUp: Command = {
  name: 'coordinator up',
  aliases: ['coordinator start'],
  summary: 'Start a coordinator and stay: a node that also keeps a registry, takes jobs and serves their API.',
  options: {
    ...nodeOptions,
    'coordinator-host': { type: 'string' },
    'coordinator-port': { type: 'string' },
  },
  optionHelp: {
    ...nodeOptionHelp,
    'coordinator-host': { value: 'HOST', help: 'address of the API of the coordinator (default 127.0.0.1)' },
    'coordinator-port': { value: 'PORT', help: 'its port; 0 takes any (default 7420)' },
  },
  examples: [
    'hart coordinator up --bootstrap /ip4/203.0.113.7/tcp/7412/p2p/12D3Koo…',
    'hart coordinator up --coordinator-port 0 --json | jq .coordinatorUrl',
  ],
  run: (context) => runCoordinatorProcess('main', argumentsOf(context), context),
}

/** Those of this command that the other one knows. */
function argumentsOf({ options }: CommandContext): string[] {
  const own = { ...coordinatorUp.options }
  const shared = ['json', 'data-dir', 'config', 'log-level', 'log-format']
  return Object.entries(options).flatMap(([name, value]) => {
    if (!(name in own) && !(shared.includes(name) && name in globalOptions)) return []
    if (typeof value === 'boolean') return value ? [`--${name}`] : []
    return [value ?? []].flat().flatMap((each) => [`--${name}`, each])
  })
}

export const coordinatorStatus: Command = {
  name: 'coordinator status',
  summary: 'Whether the coordinator can serve, and what it sees.',
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart coordinator status', 'hart coordinator status --coordinator https://swarm.example --json'],
  async run(context) {
    const { output } = context
    const client = await connectToCoordinator(context)
    const { url } = await findCoordinator(context)
    const [{ version }, readiness, { totals }] = await Promise.all([
      client.call('version', {}),
      readinessOf(url, context.signal),
      client.call('networkSnapshot', {}),
    ])
    const { ready, checks } = readiness
    if (output.json) output.value({ url, version, ready, checks, totals })
    else {
      const row = (name: string, text: string) => output.line(`${output.paint('dim', name.padEnd(9))} ${text}`)
      row('url', url)
      row('version', version)
      row('ready', ready ? 'yes' : 'no')
      for (const { name, ok, reason = '' } of checks) if (!ok) row('', `${name}: ${reason}`)
      row('nodes', `${totals.nodesReady} ready of ${totals.nodes}`)
      row('slots', `${totals.inferenceSlotsFree} free of ${totals.inferenceSlots}`)
      row('upload', formatRate(totals.uploadBytesPerSecond))
      row('models', String(totals.models))
      row('jobs', `${totals.jobsRunning} in work, ${totals.jobsToday} today`)
    }
    return ready ? 0 : 1
  },
}

/** What is not ready says so with a 503 and the same body. */
async function readinessOf(url: string, signal: AbortSignal): Promise<OutputOf<'readyz'>> {
  return (await (await fetch(new URL('/readyz', url), { signal })).json()) as OutputOf<'readyz'>
}
