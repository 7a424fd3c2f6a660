/** `hart query`, `hart map`, `hart closure`: find components of models, see how they hang together, load just those bytes. */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { ClosureView, FoundRowView, FoundView, LoadPlanView, LoadRequest, WalkView } from '#protocol/api/query.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { formatBytes, formatDuration } from '#protocol/units.ts'
import { streamAnswer } from '../answer.ts'
import type { ControlClient } from '../client.ts'
import { type Command, type CommandContext, flagOption, listOption, textOption } from '../command.ts'
import { bar, type Output } from '../output.ts'

export const query: Command = {
  name: 'query',
  summary: 'Find components of models, here and in the swarm; load just their bytes.',
  usage: '"FIELD:VALUE … WORDS"',
  positionalsMin: 1,
  positionalsMax: 256,
  options: {
    limit: { type: 'string' },
    local: { type: 'boolean' },
    explain: { type: 'boolean' },
    closure: { type: 'string' },
    load: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    out: { type: 'string', short: 'o' },
    run: { type: 'string' },
  },
  optionHelp: {
    limit: { value: 'N', help: 'rows at most (default 100, up to 1000)' },
    local: { help: 'ask this node alone' },
    explain: { help: 'also say how it was looked for, and who was asked' },
    closure: { value: 'SCOPE', help: 'with --load: add what is needed to run the layers (part) or the model (whole)' },
    load: { help: 'load the bytes of what is found, from here and from peers; every chunk is verified' },
    'dry-run': { help: 'with --load: the plan only' },
    out: { value: 'FILE', help: 'with --load: write the bytes there, in the order of the plan' },
    run: { value: 'PROMPT', help: 'ask the model, if what is found is all that an exact answer needs' },
  },
  examples: [
    'hart query kind:attention layer:2-4',
    'hart query "model:hartling-f16 dtype:F16 size:>64KiB"',
    'hart query "licence:MIT meta:general.architecture=llama embedding"',
    'hart query "shape:*x256 holders:<2" --explain',
    'hart query "like:hartling-f16/blk.2.ffn kind:ffn"',
    'hart query "model:hartling-f16 layer:4" --load --dry-run',
    'hart query "model:hartling-f16 kind:ffn" --load --out ffn.bin',
  ],
  async run(context) {
    const { output, positionals } = context
    const text = positionals.join(' ')
    const limit = numberOption(context, 'limit')
    const client = await context.connect()
    const request = { text, ...(limit === undefined ? {} : { limit }) }
    const prompt = textOption(context, 'run')
    if (prompt !== undefined) return runFound(client, output, request, prompt)
    if (flagOption(context, 'load')) return loadFound(context, client, request)
    const found = await client.post<FoundView>('/api/v1/query', {
      ...request,
      scope: flagOption(context, 'local') ? 'local' : 'swarm',
    })
    if (output.json) output.value(found)
    else showFound(output, found, flagOption(context, 'explain'))
    return 0
  },
}

export const map: Command = {
  name: 'map',
  summary: 'Components that a component leads to, or comes from, by the structure of the model.',
  usage: 'MODEL KEY…',
  positionalsMin: 2,
  positionalsMax: 64,
  options: { in: { type: 'boolean' }, hops: { type: 'string' }, kind: { type: 'string', multiple: true } },
  optionHelp: {
    in: { help: 'against the edges: what leads here' },
    hops: { value: 'N', help: 'as far as this (default 1)' },
    kind: { value: 'KIND', help: 'only these edges: next, contains, uses' },
  },
  examples: ['hart map hartling-f16 blk.2.ffn --hops 3', 'hart map hartling-f16 embedding --in'],
  async run(context) {
    const { output, positionals } = context
    const [model, ...keys] = positionals
    const hops = numberOption(context, 'hops')
    const kinds = listOption(context, 'kind')
    const view = await (await context.connect()).post<WalkView>('/api/v1/query/walk', {
      model,
      keys,
      direction: flagOption(context, 'in') ? 'in' : 'out',
      ...(hops === undefined ? {} : { hops }),
      ...(kinds.length === 0 ? {} : { kinds }),
    })
    if (output.json) output.value(view)
    else {
      const rows = view.steps.map(({ key, hops: at, via }) => [
        String(at),
        key,
        via === undefined ? '' : `${via.from} ${via.kind} ${via.to}`,
      ])
      output.table(['hops', 'component', 'by the edge'], rows)
      if (view.isTruncated) output.note('and there are more')
    }
    return 0
  },
}

export const closure: Command = {
  name: 'closure',
  summary: 'The smallest runnable set around some components, and why each member is in it.',
  usage: 'MODEL KEY…',
  positionalsMin: 2,
  positionalsMax: 256,
  options: { scope: { type: 'string' } },
  optionHelp: {
    scope: { value: 'SCOPE', help: 'part (default): the layers they span; whole: all that answers a prompt' },
  },
  examples: ['hart closure hartling-f16 blk.2.ffn', 'hart closure hartling-f16 blk.2.ffn --scope whole --json'],
  async run(context) {
    const { output, positionals } = context
    const [model, ...keys] = positionals
    const scope = textOption(context, 'scope') ?? 'part'
    const view = await (await context.connect()).post<ClosureView>('/api/v1/query/closure', { model, keys, scope })
    if (output.json) output.value(view)
    else {
      const rows = view.members.map(({ key, sizeBytes, reason }) => [key, formatBytes(sizeBytes), reason])
      output.table(['component', 'size', 'why'], rows)
      output.note(`${formatBytes(view.sizeBytes)}, of which ${formatBytes(view.heldBytes)} are here`)
    }
    return 0
  },
}

function showFound(output: Output, found: FoundView, isExplained: boolean): void {
  const rows = found.rows.map((row) => [
    row.model,
    row.key,
    row.kind,
    [...new Set(row.tensors.map(({ dtype }) => dtype))].join(' '),
    formatBytes(row.sizeBytes),
    whereOf(row),
    row.score === undefined ? row.words.join(' ') : row.score.toFixed(4),
  ])
  const rank = found.rows.some(({ score }) => score !== undefined) ? 'score' : 'words'
  output.table(['model', 'component', 'kind', 'dtype', 'size', 'where', rank], rows)
  const more = found.isTruncated ? ', and there are more: --limit N' : ''
  output.note(`${found.rows.length} ${found.rows.length === 1 ? 'component' : 'components'}${more}`)
  if (!isExplained) return
  for (const line of found.explain) output.note(`  ${line}`)
  for (const { peerId, rows: told, error } of found.asked) output.note(`  asked ${peerId}: ${error ?? `${told} rows`}`)
}

function whereOf({ heldBytes, sizeBytes, holders, isChecked }: FoundRowView): string {
  const here =
    heldBytes === 0 ? [] : [heldBytes === sizeBytes ? 'here' : `${Math.round((100 * heldBytes) / sizeBytes)} % here`]
  const there = holders === 0 ? [] : [`${holders} ${holders === 1 ? 'peer' : 'peers'}`]
  return [...here, ...there, ...(isChecked ? [] : ['by hearsay'])].join(', ') || 'nobody near'
}

async function loadFound(context: CommandContext, client: ControlClient, request: LoadRequest): Promise<number> {
  const { output } = context
  const scope = textOption(context, 'closure')
  if (scope !== undefined && scope !== 'part' && scope !== 'whole')
    throw new HartonomousError('ERR_USAGE', { message: `--closure ${scope}: write part or whole` })
  const body = { ...request, ...(scope === undefined ? {} : { closure: scope }) }
  const { plans } = await client.post<{ plans: LoadPlanView[] }>('/api/v1/query/plan', body)
  const isDry = flagOption(context, 'dry-run')
  if (output.json) output.value({ plans })
  else for (const plan of plans) showPlan(output, plan)
  if (isDry) return 0
  const file = textOption(context, 'out')
  if (file === undefined)
    throw new HartonomousError('ERR_USAGE', { message: 'where to? --out FILE, or --dry-run for the plan' })
  const startedAtMs = Date.now()
  const sizeBytes = plans.reduce((sum, plan) => sum + plan.sizeBytes, 0)
  await saveLoaded(await client.raw('/api/v1/query/load', body), file, sizeBytes, output)
  output.note(
    `${formatBytes(sizeBytes)} verified and written to ${file} in ${formatDuration(Date.now() - startedAtMs)}`,
  )
  return 0
}

function showPlan(output: Output, plan: LoadPlanView): void {
  const count = (source: string) => plan.components.filter((component) => component.source === source).length
  const where = [
    `${count('local')} local`,
    ...(count('peers') > 0
      ? [`${count('peers')} from ${plan.sources.length} ${plan.sources.length === 1 ? 'peer' : 'peers'}`]
      : []),
    ...(count('both') > 0 ? [`${count('both')} from both`] : []),
    ...(count('nobody') > 0 ? [`${count('nobody')} that nobody who was asked holds whole`] : []),
  ]
  const share = ((100 * plan.sizeBytes) / Math.max(1, plan.modelBytes)).toFixed(
    plan.sizeBytes < plan.modelBytes / 10 ? 1 : 0,
  )
  const time = `about ${formatDuration(plan.expectedMs)}${plan.isRateMeasured ? '' : ' (at an assumed rate: nothing was fetched yet)'}`
  output.line(
    `${plan.model}: ${plan.components.length} of ${plan.componentCount} components, ${formatBytes(plan.sizeBytes)} of ${formatBytes(plan.modelBytes)} (${share} %), ${where.join(', ')}, ${time}`,
  )
  output.line(`  ${plan.execution.class} ${plan.execution.reason}`)
  for (const { fileIndex, offsetBytes, sizeBytes, roots, source } of plan.ranges)
    output.line(
      `  file ${fileIndex}  ${String(offsetBytes).padStart(12)} + ${formatBytes(sizeBytes).padEnd(9)} ${source.padEnd(5)} ${roots[0]!.slice(0, 12)}${roots.length > 1 ? ` and ${roots.length - 1} more` : ''}`,
    )
}

/** The file is there when it is whole, or not at all. */
async function saveLoaded(response: Response, file: string, sizeBytes: number, output: Output): Promise<void> {
  const target = createWriteStream(file)
  await once(target, 'open')
  let done = 0
  try {
    await pipeline(
      response.body!,
      async function* (parts: AsyncIterable<Uint8Array>) {
        for await (const part of parts) {
          done += part.length
          output.progress(`${bar(done / Math.max(1, sizeBytes), 20)} ${formatBytes(done)} of ${formatBytes(sizeBytes)}`)
          yield part
        }
      },
      target,
    )
    if (done !== sizeBytes)
      throw new HartonomousError('ERR_IO', { path: file, reason: `${done} of ${sizeBytes} bytes came` })
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
}

async function runFound(client: ControlClient, output: Output, request: LoadRequest, prompt: string): Promise<number> {
  const { modelId } = await client.post<{ modelId: string }>('/api/v1/query/runnable', request)
  let answer = ''
  for await (const part of streamAnswer(client, { model: modelId, prompt, temperature: 0, maxTokens: 256 })) {
    answer += part.text
    if (!output.json) output.write(part.text)
  }
  if (output.json) output.value({ answer })
  else output.line()
  return 0
}

/** @throws {ERR_USAGE} */
function numberOption(context: CommandContext, name: string): number | undefined {
  const text = textOption(context, name)
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new HartonomousError('ERR_USAGE', { message: `--${name} ${text}: write a whole number from 1` })
  return Number(text)
}
