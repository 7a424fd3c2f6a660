/** `hart pull`: fetch a model, or parts of it, from whoever is fastest. */
import type { NodeEvent } from '#protocol/api/control.ts'
import { formatBytes, formatDuration, formatRate } from '#protocol/units.ts'
import { type Command, listOption, textOption } from '../command.ts'
import { bar } from '../output.ts'
import { parseLayers } from './models.ts'

type WorkEvent = NodeEvent | { event: 'done'; modelId: string; name: string }

export const pull: Command = {
  name: 'pull',
  summary: 'Fetch a model from the swarm, and keep it. Every chunk is verified; the same command resumes.',
  usage: 'MODEL',
  positionalsMin: 1,
  options: {
    layers: { type: 'string' },
    components: { type: 'string', multiple: true },
    license: { type: 'string' },
    origin: { type: 'string', multiple: true },
  },
  optionHelp: {
    layers: { value: 'A-B', help: 'only these blocks' },
    components: { value: 'KEYS', help: 'only these components, separated by commas (see hart components)' },
    license: { value: 'SPDX', help: 'for a URL: licence, where the file names none' },
    origin: { value: 'URL', help: 'HTTP server that has the file of a known model: a source of last resort' },
  },
  examples: [
    'hart pull hartling-f16',
    'hart pull hartling-f16 --layers 4-5',
    'hart pull hartling-f16 --components embedding,blk.0.attention',
    'hart pull hf:ORG/REPO/model.gguf --license Apache-2.0',
  ],
  async run(context) {
    const { output, positionals } = context
    const client = await context.connect()
    const layers = parseLayers(textOption(context, 'layers'))
    const components = listOption(context, 'components').flatMap((keys) => keys.split(',').filter((key) => key !== ''))
    const licence = textOption(context, 'license')
    const origins = listOption(context, 'origin')
    const request = {
      model: positionals[0]!,
      ...(layers === undefined ? {} : { layers }),
      ...(components.length === 0 ? {} : { components }),
      ...(licence === undefined ? {} : { licence }),
      ...(origins.length === 0 ? {} : { origins }),
    }
    for await (const event of client.stream<WorkEvent>('/api/v1/models/pull', request)) {
      if (output.json) output.value(event)
      else if (event.event === 'download-progress' || event.event === 'ingest-progress') {
        const eta = event.etaMs === undefined ? '' : `  ${formatDuration(event.etaMs)} left`
        const what = event.event === 'download-progress' ? 'downloading' : 'hashing'
        output.progress(
          `${what} ${bar(event.doneBytes / Math.max(1, event.totalBytes), 20)} ${formatBytes(event.doneBytes)} of ${formatBytes(event.totalBytes)}  ${formatRate(event.bytesPerSecond)}${eta}`,
        )
      } else if (event.event === 'transfer-progress') {
        const active = event.sources.filter((source) => source.state === 'active').length
        const eta = event.etaMs === undefined ? '' : `  ${formatDuration(event.etaMs)} left`
        output.progress(
          `chunks ${event.heldChunks}/${event.wantedChunks} ${bar(event.heldBytes / Math.max(1, event.wantedBytes), 20)} ${formatBytes(event.heldBytes)}  ${formatRate(event.bytesPerSecond)}  from ${active} peers${eta}`,
        )
      } else if (event.event === 'source-end' && event.banned)
        output.note(`banned ${event.peerId}: ${event.evidence ?? event.reason}`)
      else if (event.event === 'transfer-paused') output.note(`paused: ${event.message}`)
      else if (event.event === 'transfer-complete')
        output.note(
          `${event.chunksVerified} chunks verified, ${event.chunksRejected} rejected, ${formatBytes(event.heldBytes)} in ${formatDuration(event.durationMs)}`,
        )
      else if (event.event === 'done') output.line(`${event.name}  ${event.modelId}`)
    }
    return 0
  },
}
