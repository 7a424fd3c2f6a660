/** `hart workflow`: graphs of work, shipped or saved, and their runs. */
import { parsePart } from '#protocol/api/issue.ts'
import { workflowGraph } from '#protocol/api/workflow.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { connectToCoordinator, coordinatorOptionHelp, coordinatorOptions } from '../coordinator.ts'
import { parseJson, readJson, termsOf, termsOptionHelp, termsOptions } from '../job-request.ts'
import { printJob, watchJob } from '../job-view.ts'

export const workflowList: Command = {
  name: 'workflow list',
  aliases: ['workflow ls'],
  summary: 'Workflows that are shipped, and those that were saved.',
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart workflow list'],
  async run(context) {
    const { output } = context
    const client = await connectToCoordinator(context)
    const list = await Array.fromAsync(client.pages('listWorkflows', {}))
    if (output.json) output.value(list)
    else if (list.length === 0) output.note('there is no workflow; hart workflow save FILE adds one')
    else {
      output.table(
        ['name', 'origin', 'steps', 'description'],
        list.map(({ name, origin, steps, description = '' }) => [name, origin, String(steps), description]),
      )
    }
    return 0
  },
}

export const workflowShow: Command = {
  name: 'workflow show',
  summary: 'A workflow as JSON, as hart workflow save takes it.',
  usage: 'NAME',
  positionalsMin: 1,
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart workflow show summary', 'hart workflow show summary > mine.json'],
  async run(context) {
    const { output, positionals } = context
    const client = await connectToCoordinator(context)
    const view = await client.call('getWorkflow', { params: { name: positionals[0]! } })
    if (output.json) output.value(view)
    else output.line(JSON.stringify(view.graph, null, 2))
    return 0
  },
}

export const workflowSave: Command = {
  name: 'workflow save',
  summary: 'Save a graph under the name that it has in its file.',
  usage: 'FILE',
  positionalsMin: 1,
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart workflow save mine.json'],
  async run(context) {
    const { output, positionals } = context
    const graph = parsePart(workflowGraph, await readJson(positionals[0]!), 'body')
    const client = await connectToCoordinator(context)
    const view = await client.call('saveWorkflow', { params: { name: graph.name }, body: graph })
    if (output.json) output.value(view)
    else output.line(`saved ${view.name}, version ${view.version.slice(0, 12)}`)
    return 0
  },
}

export const workflowRun: Command = {
  name: 'workflow run',
  summary: 'Run a workflow as a job.',
  usage: 'NAME',
  positionalsMin: 1,
  options: {
    ...coordinatorOptions,
    ...termsOptions,
    input: { type: 'string' },
    'input-file': { type: 'string' },
    watch: { type: 'boolean' },
  },
  optionHelp: {
    ...coordinatorOptionHelp,
    ...termsOptionHelp,
    input: { value: 'JSON', help: 'what the workflow works on (default {})' },
    'input-file': { value: 'FILE', help: 'the same from a file' },
    watch: { help: 'follow it to its end' },
  },
  examples: [`hart workflow run summary --input '{"folder":"/srv/notes"}' --watch`],
  async run(context) {
    const { output, positionals } = context
    const work = { kind: 'workflow' as const, workflow: positionals[0]!, input: await inputOf(context) }
    const client = await connectToCoordinator(context)
    const terms = termsOf(context)
    const job = await client.call('submitJob', { body: { work, terms } }, { idempotencyKey: crypto.randomUUID() })
    if (flagOption(context, 'watch')) return watchJob(context, client, job.jobId)
    printJob(output, job)
    return 0
  },
}

async function inputOf(context: CommandContext): Promise<ReturnType<typeof JSON.parse>> {
  const text = textOption(context, 'input')
  const file = textOption(context, 'input-file')
  if (text !== undefined && file !== undefined)
    throw new HartonomousError('ERR_USAGE', { message: 'give --input or --input-file' })
  if (file !== undefined) return readJson(file)
  return parseJson(text ?? '{}', '--input')
}
