/** `hart up`: the node itself, in the foreground. */
import { resolve } from 'node:path'
import type { StampedEvent } from '#protocol/api/control.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { formatBytes, formatDuration, formatRate } from '#protocol/units.ts'
import { createLog, isLogLevel } from '../../log/index.ts'
import type { NodeServer } from '../../runtime/server.ts'
import { type Command, type CommandContext, listOption, textOption } from '../command.ts'
import { nodeOptionHelp, nodeOptions, resolveNodeConfig } from '../node-options.ts'
import type { Output } from '../output.ts'

export const up: Command = {
  name: 'up',
  aliases: ['serve', 'start'],
  summary: 'Start a node and stay: hold, serve and fetch models, answer prompts.',
  options: {
    ...nodeOptions,
    ingest: { type: 'string', multiple: true },
    license: { type: 'string' },
    name: { type: 'string' },
  },
  optionHelp: {
    ...nodeOptionHelp,
    ingest: { value: 'FILE', help: 'offer this model file, in place (may be given again)' },
    license: { value: 'SPDX', help: 'licence of --ingest files that name none' },
    name: { value: 'NAME', help: 'name of the release of --ingest' },
  },
  examples: [
    'hart up --pledge 50GiB --bootstrap /ip4/203.0.113.7/tcp/7412/p2p/12D3Koo…',
    'hart up --public --ingest ~/models/llama.gguf --license Apache-2.0',
    'hart up --json | jq .event',
  ],
  run: runUp,
}

async function runUp(context: CommandContext): Promise<number> {
  const { output, paths, signal } = context
  const beganAtMs = Date.now()
  const { config, origins } = await resolveNodeConfig(context)
  const log = createLogOf(context)
  const files = listOption(context, 'ingest').map((file) => resolve(file))
  for (const file of files) await assertOffers(file, textOption(context, 'license'))
  const stop = Promise.withResolvers<string>()
  // Loaded here, so that commands that only ask a running node start fast.
  const { startServer } = await import('../../runtime/server.ts')
  const onEvent = output.json ? (event: StampedEvent) => output.value(event) : createConsole(output)
  const { dataDir, configFile } = paths
  const settingsSource = { file: configFile, origins }
  const server = await startServer({ dataDir, config, settingsSource, log, onEvent, requestStop: stop.resolve })
  try {
    const { controller } = server
    const status = await controller.status()
    server.node.tell({
      event: 'ready',
      peerId: status.peerId,
      apiUrl: server.apiUrl,
      addresses: status.addresses,
      dataDir: paths.dataDir,
      pid: process.pid,
      version: status.version,
    })
    if (!output.json) printBanner(output, status.addresses, server, config['pledge.disk'], Date.now() - beganAtMs)
    for (const file of files) await ingestFile(context, server, file)
    signal.addEventListener('abort', () => stop.resolve('interrupted'), { once: true })
    if (signal.aborted) stop.resolve('interrupted')
    const reason = await stop.promise
    output.note(`stopping: ${reason}`)
    return 0
  } finally {
    await server.close('the node was stopped')
  }
}

/** Before the node starts: a file that cannot be offered is told at once. @throws {ERR_MODEL_FILE} {ERR_LICENCE_REQUIRED} */
async function assertOffers(file: string, licence: string | undefined): Promise<void> {
  const { openFileSource, partNames, readModelHeader } = await import('../../ingest/index.ts')
  const sources: Awaited<ReturnType<typeof openFileSource>>[] = []
  try {
    for (const part of partNames(file)) sources.push(await openFileSource(part))
    const header = await readModelHeader(sources)
    if (licence === undefined && header.licence === undefined)
      throw new HartonomousError('ERR_LICENCE_REQUIRED', { file })
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}

async function ingestFile(context: CommandContext, server: NodeServer, path: string): Promise<void> {
  const name = textOption(context, 'name')
  const licence = textOption(context, 'license')
  const request = { path, ...(name === undefined ? {} : { name }), ...(licence === undefined ? {} : { licence }) }
  await server.controller.ingest(request, () => undefined, context.signal)
}

export function createLogOf(context: CommandContext) {
  const { output } = context
  const level = textOption(context, 'log-level') ?? 'warn'
  if (!isLogLevel(level))
    throw new HartonomousError('ERR_USAGE', { message: '--log-level is debug, info, warn, error or silent' })
  const format = textOption(context, 'log-format') ?? (output.isTerminal ? 'pretty' : 'json')
  if (format !== 'pretty' && format !== 'json')
    throw new HartonomousError('ERR_USAGE', { message: '--log-format is pretty or json' })
  return createLog({ level, format })
}

function printBanner(
  output: Output,
  addresses: string[],
  server: NodeServer,
  pledgeBytes: number,
  tookMs: number,
): void {
  const row = (label: string, text: string) => output.line(`  ${output.paint('dim', label.padEnd(10))} ${text}`)
  output.line(`\n  ${output.paint('bold', 'HARTONOMOUS')} ready in ${formatDuration(tookMs)}\n`)
  row('node', server.node.parts.network.peerId)
  for (const address of addresses) row('swarm', address)
  row('page', server.browserUrl)
  row('openai', `${server.apiUrl}/v1`)
  row('pledge', pledgeBytes === 0 ? 'none; hart config set pledge.disk 50GiB offers some' : formatBytes(pledgeBytes))
  row('data', server.node.dataDir)
  output.line(`\n  ${output.paint('dim', 'Ctrl-C stops it; hart status tells what it is doing')}\n`)
}

/** Events as lines for a person: progress moves in place, news stay. */
function createConsole(output: Output): (event: StampedEvent) => void {
  const name = (event: { name: string }) => output.paint('bold', event.name)
  return (event) => {
    switch (event.event) {
      case 'ingest-progress':
        return output.progress(
          `hashing ${event.path} ${formatBytes(event.doneBytes)} of ${formatBytes(event.totalBytes)} ${formatRate(event.bytesPerSecond)}`,
        )
      case 'release':
        return output.line(`release   ${name(event)}  ${formatBytes(event.sizeBytes)}  ${event.licence}`)
      case 'placement':
        return output.line(`${event.action.padEnd(9)} ${name(event)}  ${event.reason}`)
      case 'transfer-progress': {
        const active = event.sources.filter((source) => source.state === 'active').length
        return output.progress(
          `fetching  ${event.name}  ${event.heldChunks}/${event.wantedChunks} chunks  ${formatRate(event.bytesPerSecond)}  from ${active} sources`,
        )
      }
      case 'transfer-complete':
        // Nothing was missing: no news.
        if (event.chunksVerified === 0) return undefined
        return output.line(
          `held      ${name(event)}  ${formatBytes(event.heldBytes)} in ${formatDuration(event.durationMs)}, ${event.chunksVerified} chunks verified`,
        )
      case 'source-end':
        return event.banned
          ? output.line(`${output.paint('red', 'banned')}    ${event.peerId}  ${event.evidence ?? event.reason}`)
          : undefined
      case 'transfer-paused':
        return output.line(`${output.paint('yellow', 'paused')}    ${event.message}`)
      case 'upload-progress':
        return event.bytesPerSecond > 0
          ? output.progress(`serving   ${formatRate(event.bytesPerSecond)} to ${event.peers.length} peers`)
          : undefined
      default:
        return undefined
    }
  }
}
