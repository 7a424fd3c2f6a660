/** `hart models`: list, show, ingest, remove; `hart components`. */
import { resolve } from 'node:path'
import type { ComponentView, ModelView, NodeEvent } from '#protocol/api/control.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { shortId } from '#protocol/ids.ts'
import { formatBytes, formatDuration, formatRate } from '#protocol/units.ts'
import { type Command, textOption } from '../command.ts'
import { bar } from '../output.ts'

type WorkEvent = NodeEvent | { event: 'done'; modelId: string; name: string }

export const modelsLs: Command = {
  name: 'models ls',
  aliases: ['models list', 'ls', 'list'],
  summary: 'Models held here or known in the swarm.',
  examples: ['hart models ls', 'hart models ls --json'],
  async run(context) {
    const { output } = context
    const { models } = await (await context.connect()).get<{ models: ModelView[] }>('/api/v1/models')
    if (output.json) output.value(models)
    else if (models.length === 0) output.note('no model is known yet; hart models ingest FILE offers one')
    else {
      output.table(
        ['name', 'id', 'size', 'held', 'copies', 'licence', 'from'],
        models.map((model) => [
          model.name,
          shortId(model.modelId),
          formatBytes(model.sizeBytes),
          model.chunkCount === 0 ? '-' : `${Math.floor((100 * model.heldChunks) / model.chunkCount)} %`,
          String(model.copies),
          model.licence || '-',
          model.origin === 'ingest'
            ? 'own file'
            : model.isPinned
              ? 'pulled'
              : model.origin === 'fetch'
                ? 'placement'
                : 'swarm',
        ]),
      )
      for (const [name, count] of namesakes(models))
        output.note(`${count} models are called ${name}: say which one by its id (hart models ls --json)`)
    }
    return 0
  },
}

function namesakes(models: readonly ModelView[]): [name: string, count: number][] {
  const counts = new Map<string, number>()
  for (const { name } of models) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].filter(([, count]) => count > 1)
}

export const modelsShow: Command = {
  name: 'models show',
  aliases: ['show'],
  summary: 'One model: identity, licence, files, copies.',
  usage: 'MODEL',
  positionalsMin: 1,
  examples: ['hart models show hartling-f16'],
  async run(context) {
    const { output, positionals } = context
    const model = await (await context.connect()).get<ModelView>(
      `/api/v1/models/${encodeURIComponent(positionals[0]!)}`,
    )
    if (output.json) output.value(model)
    else {
      const rows: [string, string][] = [
        ['name', model.name],
        ['id', model.modelId],
        ['licence', model.licence],
        ['publisher', model.publisher],
        ['kind', `${model.architecture} (${model.format}), ${model.parameterCount.toLocaleString('en')} parameters`],
        ['size', `${formatBytes(model.sizeBytes)} in ${model.chunkCount} chunks`],
        ['held', `${model.heldChunks} chunks, ${formatBytes(model.heldBytes)}`],
        ['elsewhere', `${model.holders} nodes, ${model.copies} copies`],
        ...model.files.map((file): [string, string] => ['file', file]),
      ]
      for (const [label, text] of rows) output.line(`${output.paint('dim', label.padEnd(10))} ${text}`)
    }
    return 0
  },
}

export const modelsIngest: Command = {
  name: 'models ingest',
  aliases: ['models add', 'ingest'],
  summary: 'Offer a model file that lies on this machine. It is hashed in place; nothing is copied.',
  usage: 'FILE',
  positionalsMin: 1,
  options: { name: { type: 'string' }, license: { type: 'string' } },
  optionHelp: {
    name: { value: 'NAME', help: 'name of the release (default: from the file)' },
    license: { value: 'SPDX', help: 'licence, where the file names none' },
  },
  examples: ['hart models ingest ~/models/llama.gguf --license Apache-2.0'],
  async run(context) {
    const { output, positionals } = context
    const client = await context.connect()
    const name = textOption(context, 'name')
    const licence = textOption(context, 'license')
    const request = {
      path: resolve(positionals[0]!),
      ...(name === undefined ? {} : { name }),
      ...(licence === undefined ? {} : { licence }),
    }
    for await (const event of client.stream<WorkEvent>('/api/v1/models/ingest', request)) {
      if (output.json) output.value(event)
      else if (event.event === 'ingest-progress') {
        const eta = event.etaMs === undefined ? '' : `  ${formatDuration(event.etaMs)} left`
        output.progress(
          `hashing ${bar(event.doneBytes / Math.max(1, event.totalBytes), 20)} ${formatBytes(event.doneBytes)} of ${formatBytes(event.totalBytes)}  ${formatRate(event.bytesPerSecond)}${eta}`,
        )
      } else if (event.event === 'done') output.line(`${event.name}  ${event.modelId}`)
    }
    return 0
  },
}

export const modelsRm: Command = {
  name: 'models rm',
  aliases: ['models remove', 'rm'],
  summary: 'Forget a model. Files fetched from the swarm are deleted, your own files stay.',
  usage: 'MODEL',
  positionalsMin: 1,
  examples: ['hart models rm hartling-f16 --yes'],
  async run(context) {
    const { output, positionals } = context
    const client = await context.connect()
    const path = `/api/v1/models/${encodeURIComponent(positionals[0]!)}`
    const model = await client.get<ModelView>(path)
    const isDeleting = model.origin === 'fetch' && model.heldBytes > 0
    if (isDeleting && context.options['yes'] !== true && !output.json) {
      throw new HartonomousError('ERR_USAGE', {
        message: `this deletes ${formatBytes(model.heldBytes)} of ${model.name}; say it again with --yes`,
      })
    }
    await client.delete(path)
    if (output.json) output.value({ removed: model.modelId })
    else output.line(`removed ${model.name}`)
    return 0
  },
}

export const components: Command = {
  name: 'components',
  summary: 'The parts of a model: embedding, attention, ffn, experts, head.',
  usage: 'MODEL',
  positionalsMin: 1,
  options: { kind: { type: 'string' }, layers: { type: 'string' } },
  optionHelp: {
    kind: { value: 'KIND', help: 'embedding, attention, ffn, expert, router, norm, head or other' },
    layers: { value: 'A-B', help: 'blocks, such as 4-7' },
  },
  examples: ['hart components hartling-f16', 'hart components hartling-f16 --kind ffn --layers 0-2 --json'],
  async run(context) {
    const { output, positionals } = context
    const query = new URLSearchParams()
    const kind = textOption(context, 'kind')
    if (kind !== undefined) query.set('kind', kind)
    const layers = parseLayers(textOption(context, 'layers'))
    if (layers !== undefined) {
      query.set('layerMin', String(layers.min))
      query.set('layerMax', String(layers.max))
    }
    const client = await context.connect()
    const path = `/api/v1/models/${encodeURIComponent(positionals[0]!)}/components?${query}`
    const { components: list } = await client.get<{ components: ComponentView[] }>(path)
    if (output.json) output.value(list)
    else if (list.length === 0)
      output.note(`no component of ${positionals[0]} fits; hart components ${positionals[0]} lists all`)
    else {
      output.table(
        ['component', 'kind', 'layer', 'parameters', 'size', 'held'],
        list.map((component) => [
          component.key,
          component.kind,
          component.layer === undefined ? '-' : String(component.layer),
          component.parameterCount.toLocaleString('en'),
          formatBytes(component.sizeBytes),
          `${component.sizeBytes === 0 ? 100 : Math.floor((100 * component.heldBytes) / component.sizeBytes)} %`,
        ]),
      )
    }
    return 0
  },
}

/** `4-7` or `4`. @throws {ERR_USAGE} */
export function parseLayers(text: string | undefined): { min: number; max: number } | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  const min = Number(match?.[1])
  const max = Number(match?.[2] ?? match?.[1])
  if (!match || max < min)
    throw new HartonomousError('ERR_USAGE', { message: `--layers ${text}: write A-B with A <= B, such as 4-7` })
  return { min, max }
}
