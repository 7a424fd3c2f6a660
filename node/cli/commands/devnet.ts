/** `hart devnet`: a swarm of five real nodes on this machine, to watch, to try, and (with --once --json) to test. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HartonomousError } from '#protocol/errors.ts'
import { formatBytes, parseBytes } from '#protocol/units.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { Board } from '../devnet/board.ts'
import type { DevnetNode } from '../devnet/child.ts'
import type { DevnetEconomy } from '../devnet/economy.ts'
import { createAnswerPrinter, printInvitation, printResult } from '../devnet/report.ts'
import { runScenario, type ScenarioResult } from '../devnet/scenario.ts'
import { judge, summaryOf } from '../devnet/verdict.ts'
import { DevnetView } from '../devnet/view.ts'

const bundledModel = fileURLToPath(new URL('../../../models/hartling/hartling-f16.gguf', import.meta.url))
const defaultPrompt = 'What is Hartonomous?'
/** Of the run without the prompt's own time; a machine under load needs several times the usual 15 s. */
const runTimeoutMs = 180_000

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
    free: { type: 'boolean' },
    regions: { type: 'string' },
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
    free: { help: 'no chain and no payment' },
    regions: { value: 'DE,US,…', help: 'countries that the nodes declare, in their order (default: none)' },
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
  const deadline = AbortSignal.timeout(runTimeoutMs)
  let isOver = false
  let economy: DevnetEconomy | undefined
  try {
    if (!output.json)
      output.line(`\n  ${output.paint('bold', 'HARTONOMOUS')} a swarm of five processes on this machine\n`)
    const modelFile = resolve(textOption(context, 'model') ?? bundledModel)
    const licence = textOption(context, 'license') ?? (await missingLicence(modelFile))
    const payloadFile = await makePayload(context, folder)
    if (!flagOption(context, 'free')) {
      const { DevnetEconomy } = await import('../devnet/economy.ts')
      economy = await DevnetEconomy.open(folder, (reason) => output.note(`without payment: ${reason}`))
    }
    view.start()
    const prompt = textOption(context, 'prompt') ?? defaultPrompt
    const hasCaps = !flagOption(context, 'no-caps')
    const printer = createAnswerPrinter(output, view, prompt, () => Date.now() - beganAtMs)
    const result = await runScenario({
      folder,
      modelFile,
      ...(licence === undefined ? {} : { licence }),
      ...(payloadFile === undefined ? {} : { payloadFile }),
      ...(economy === undefined ? {} : { economy }),
      hasCaps,
      isDhtOnly: flagOption(context, 'dht-only'),
      regions: regionsOf(context),
      prompt,
      board,
      view,
      signal: AbortSignal.any([context.signal, deadline]),
      onNode: (node) => nodes.push(node),
      onEvent: (node, event) => {
        if (output.json && !isOver) output.value({ ...event, node })
      },
      onAnswer: (text) => printer.push(text),
    })
    printer.end()
    const problem = judge(result, hasCaps)
    const summary = summaryOf(result, Date.now() - beganAtMs)
    // The summary is the last line: what the nodes say while they stop is of no interest.
    isOver = flagOption(context, 'once')
    if (output.json) output.value(problem === undefined ? summary : { ...summary, problem })
    else printResult(output, board, result, problem)
    if (problem !== undefined) throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: problem })
    if (!flagOption(context, 'once')) await stay(context, result, nodes, economy)
    return 0
  } catch (error) {
    if (error !== deadline.reason) throw error
    throw new HartonomousError('ERR_TIMEOUT', { what: view.currentPhase ?? 'the local swarm', timeoutMs: runTimeoutMs })
  } finally {
    view.stop()
    if (!isOver && nodes.length > 0) output.note(`\nstopping ${nodes.length} nodes`)
    await Promise.all(nodes.map((node) => node.stop()))
    await economy?.close()
    process.off('exit', killAll)
    if (!flagOption(context, 'keep')) await rm(folder, { recursive: true, force: true })
    else output.note(`kept ${folder}`)
  }
}

/** @throws {ERR_USAGE} */
function regionsOf(context: CommandContext): string[] {
  const regions = (textOption(context, 'regions') ?? '').split(',').filter((region) => region !== '')
  for (const region of regions)
    if (!/^[A-Z]{2}$/.test(region))
      throw new HartonomousError('ERR_USAGE', { message: '--regions takes two-letter countries, such as DE,US,JP' })
  return regions
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

async function stay(
  context: CommandContext,
  result: ScenarioResult,
  nodes: DevnetNode[],
  economy: DevnetEconomy | undefined,
): Promise<void> {
  const { output, signal } = context
  const coordinator = await result.coordinator.connectToCoordinator(signal)
  const { token } = await coordinator.post<{ token: string }>('/api/v1/session/links')
  const explorerUrl = `${coordinator.apiUrl}/#${token}`
  if (output.json)
    output.value({
      event: 'staying',
      coordinatorUrl: coordinator.apiUrl,
      explorerUrl,
      ...(economy === undefined ? {} : { rpcUrl: economy.rpcUrl, addressBook: economy.bookPath }),
      nodes: nodes.map((node) => ({
        node: node.index,
        apiUrl: node.ready?.apiUrl,
        dataDir: node.dataDir,
        pid: node.pid,
      })),
    })
  else printInvitation(output, result, nodes, explorerUrl)
  const stopped = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => stopped.resolve(), { once: true })
  if (signal.aborted) stopped.resolve()
  await Promise.race([stopped.promise, ...nodes.map((node) => node.watch())])
}
