/** `hart devnet`: a swarm of five real nodes on this machine, to watch, to try, and (with --once --json) to test. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HartonomousError } from '#protocol/errors.ts'
import { formatBytes, formatDuration, parseBytes } from '#protocol/units.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { Board } from '../devnet/board.ts'
import type { DevnetNode } from '../devnet/child.ts'
import { runScenario, type ScenarioResult } from '../devnet/scenario.ts'
import { DevnetView, sharesOf } from '../devnet/view.ts'
import type { Output } from '../output.ts'

const bundledModel = fileURLToPath(new URL('../../../models/hartling/hartling-f16.gguf', import.meta.url))
const defaultPrompt = 'What is Hartonomous?'
/** Of the run without the prompt's own time; a machine under load needs several times the usual 15 s. */
const runTimeoutMs = 180_000
const sourcesMin = 3
const shareMax = 0.6

export const devnet: Command = {
  name: 'devnet',
  summary: 'Five nodes on this machine: one model file in, many nodes, an answer out.',
  options: {
    model: { type: 'string' },
    license: { type: 'string' },
    payload: { type: 'string' },
    prompt: { type: 'string' },
    once: { type: 'boolean' },
    'no-caps': { type: 'boolean' },
    'dht-only': { type: 'boolean' },
    keep: { type: 'boolean' },
  },
  optionHelp: {
    model: { value: 'FILE', help: 'any GGUF file (default: the bundled model)' },
    license: { value: 'SPDX', help: 'its licence, where the file names none (default: LicenseRef-Local)' },
    payload: { value: 'SIZE', help: 'add a generated model of this size, such as 256MiB' },
    prompt: { value: 'TEXT', help: 'what the last node is asked' },
    once: { help: 'stop after the answer' },
    'no-caps': { help: 'do not slow uploads down' },
    'dht-only': { help: 'no gossip, no mDNS, no static peers' },
    keep: { help: 'keep the data folders' },
  },
  examples: [
    'npm start',
    'npm start --silent -- --once --json',
    'hart devnet --model ~/models/llama.gguf --payload 256MiB --no-caps',
  ],
  run: runDevnet,
}

async function runDevnet(context: CommandContext): Promise<number> {
  const { output } = context
  const beganAtMs = Date.now()
  const folder = await devnetFolder(context)
  const nodes: DevnetNode[] = []
  const killAll = () => {
    for (const node of nodes) node.kill()
  }
  // Whatever ends this process, no node is left behind.
  process.once('exit', killAll)
  const board = new Board()
  const view = new DevnetView(output, board)
  let isOver = false
  try {
    if (!output.json)
      output.line(`\n  ${output.paint('bold', 'HARTONOMOUS')} a swarm of five processes on this machine\n`)
    const modelFile = resolve(textOption(context, 'model') ?? bundledModel)
    const licence = textOption(context, 'license') ?? (await missingLicence(modelFile))
    const payloadFile = await makePayload(context, folder)
    view.start()
    const result = await runScenario({
      folder,
      modelFile,
      ...(licence === undefined ? {} : { licence }),
      ...(payloadFile === undefined ? {} : { payloadFile }),
      hasCaps: !flagOption(context, 'no-caps'),
      isDhtOnly: flagOption(context, 'dht-only'),
      prompt: textOption(context, 'prompt') ?? defaultPrompt,
      board,
      view,
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(runTimeoutMs)]),
      onNode: (node) => nodes.push(node),
      onEvent: (node, event) => {
        if (output.json && !isOver) output.value({ ...event, node })
      },
      onAnswer: createAnswerPrinter(context, view, beganAtMs),
    })
    const problem = judge(result)
    const summary = summaryOf(result, Date.now() - beganAtMs)
    // The summary is the last line: what the nodes say while they stop is of no interest.
    isOver = flagOption(context, 'once')
    if (output.json) output.value(problem === undefined ? summary : { ...summary, problem })
    else printResult(output, board, result, problem)
    if (problem !== undefined)
      throw new HartonomousError('ERR_NO_SOURCE', { subject: 'the local swarm', reason: problem })
    if (!flagOption(context, 'once')) await stay(context, result, nodes)
    return 0
  } finally {
    view.stop()
    await Promise.all(nodes.map((node) => node.stop()))
    process.off('exit', killAll)
    if (!flagOption(context, 'keep')) await rm(folder, { recursive: true, force: true })
    else output.note(`kept ${folder}`)
  }
}

/** On one's own machine a file that names no licence may be tried all the same. */
async function missingLicence(modelFile: string): Promise<string | undefined> {
  const { openFileSource, partNames, readModelHeader } = await import('../../ingest/index.ts')
  const sources = await Promise.all(partNames(modelFile).map((path) => openFileSource(path)))
  try {
    const { licence } = await readModelHeader(sources)
    return licence === undefined ? 'LicenseRef-Local' : undefined
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}

async function devnetFolder(context: CommandContext): Promise<string> {
  const chosen = textOption(context, 'data-dir')
  if (chosen === undefined) return mkdtemp(join(tmpdir(), 'hartonomous-devnet-'))
  const folder = join(resolve(chosen), `devnet-${process.pid}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return folder
}

async function makePayload(context: CommandContext, folder: string): Promise<string | undefined> {
  const size = textOption(context, 'payload')
  if (size === undefined) return undefined
  const path = join(folder, 'payload.gguf')
  context.output.note(`generating a model of ${formatBytes(parseBytes(size))}`)
  const { generateModel } = await import('../../ingest/index.ts')
  await generateModel({ path, sizeBytes: parseBytes(size), seed: 1 })
  return path
}

function createAnswerPrinter(
  { output, options }: CommandContext,
  view: DevnetView,
  beganAtMs: number,
): (text: string) => void {
  let isFirst = true
  return (text) => {
    if (output.json) return
    if (isFirst) {
      isFirst = false
      view.stop()
      const prompt = typeof options['prompt'] === 'string' ? options['prompt'] : defaultPrompt
      output.line(
        `\n  ${output.paint('dim', `asked on node 5, first token ${formatDuration(Date.now() - beganAtMs)} after the start`)}`,
      )
      output.line(`  ${output.paint('bold', '>')} ${prompt}`)
      output.write('  ')
    }
    output.write(text)
  }
}

/** What is missing from a good run; `undefined` when nothing is. */
export function judge(result: Pick<ScenarioResult, 'transfer' | 'fileIdentical' | 'answer'>): string | undefined {
  const { transfer, fileIdentical, answer } = result
  const used = transfer.sources.filter((source) => source.bytes > 0)
  const largest =
    Math.max(0, ...used.map((source) => source.bytes)) /
    Math.max(
      1,
      used.reduce((sum, source) => sum + source.bytes, 0),
    )
  if (!fileIdentical) return 'the fetched file differs from the original'
  if (used.length < sourcesMin) return `the late node used ${used.length} sources, fewer than ${sourcesMin}`
  if (largest > shareMax)
    return `one source gave ${Math.round(largest * 100)} % of the bytes, more than ${shareMax * 100} %`
  if (answer.trim() === '') return 'the answer is empty'
  return undefined
}

export function summaryOf(result: ScenarioResult, durationMs: number) {
  const { transfer, payload, nodes, model, fileIdentical, answer, tokensPerSecond } = result
  const bySource = (view: ScenarioResult['transfer']) =>
    Object.fromEntries(view.sources.filter((source) => source.bytes > 0).map((source) => [source.peerId, source.bytes]))
  const base = {
    event: 'summary',
    nodes: nodes.length,
    modelId: model.modelId,
    bytesTotal: transfer.heldBytes,
    bytesBySource: bySource(transfer),
    chunksVerified: transfer.chunksVerified,
    chunksRejected: transfer.chunksRejected,
    fileIdentical,
    answer,
    tokensPerSecond,
    durationMs,
  }
  if (payload === undefined) return base
  return {
    ...base,
    payload: {
      modelId: payload.modelId,
      bytesTotal: payload.heldBytes,
      bytesBySource: bySource(payload),
      chunksVerified: payload.chunksVerified,
    },
  }
}

function printResult(output: Output, board: Board, result: ScenarioResult, problem: string | undefined): void {
  const { transfer, fileIdentical, tokensPerSecond, firstTokenMs } = result
  output.line('\n')
  const row = (label: string, text: string) => output.line(`  ${output.paint('dim', label.padEnd(10))} ${text}`)
  row('fetched', `${formatBytes(transfer.heldBytes)} by node 5 from ${sharesOf(transfer.sources, board).join(', ')}`)
  row(
    'verified',
    `${transfer.chunksVerified} chunks, ${transfer.chunksRejected} rejected; the file is ${fileIdentical ? 'identical' : output.paint('red', 'DIFFERENT')}`,
  )
  row('answer', `${tokensPerSecond} tokens/s, first token after ${formatDuration(firstTokenMs)}`)
  if (problem !== undefined) row('problem', output.paint('red', problem))
}

async function stay(context: CommandContext, result: ScenarioResult, nodes: DevnetNode[]): Promise<void> {
  const { output, signal } = context
  const { late, model } = result
  const apiUrl = late.ready!.apiUrl
  if (output.json)
    output.value({
      event: 'staying',
      nodes: nodes.map((node) => ({
        node: node.index,
        apiUrl: node.ready?.apiUrl,
        dataDir: node.dataDir,
        pid: node.pid,
      })),
    })
  else {
    output.line(`\n  ${output.paint('bold', 'try it')} (node 5; Ctrl-C stops the swarm)\n`)
    output.line(`  curl -s ${apiUrl}/v1/chat/completions -H 'content-type: application/json' \\`)
    output.line(
      `    -d '{"model":"${model.name}","messages":[{"role":"user","content":"How do nodes find each other?"}]}'`,
    )
    for (const words of [
      'status',
      'peers',
      'models ls',
      `components ${model.name}`,
      `run ${model.name} "What is 47 + 35?"`,
    ]) {
      output.line(`  npx hart ${words} --data-dir ${late.dataDir}`)
    }
    output.line('')
    for (const node of nodes)
      output.line(
        `  ${output.paint('dim', `node ${node.index}`)}  ${node.ready?.apiUrl}/v1   ${node.ready?.apiUrl}/metrics`,
      )
  }
  const stopped = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => stopped.resolve(), { once: true })
  if (signal.aborted) stopped.resolve()
  await Promise.race([stopped.promise, ...nodes.map((node) => node.watch())])
}
