/** `hart constitution`: who may do what at a coordinator, and what was decided. */
import type { CallRoute } from '#protocol/api/client.ts'
import type { AuditEntryView } from '#protocol/api/constitution.ts'
import type { QueryOf } from '#protocol/api/routes/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { decisionsAskedMax } from '#protocol/limits.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { connectToCoordinator, coordinatorOptionHelp, coordinatorOptions } from '../coordinator.ts'
import { parseJson, readText } from '../job-request.ts'
import { callOffline } from '../offline-rules.ts'

const offlineOptions = { ...coordinatorOptions, offline: { type: 'boolean' } } as const
const listDefault = 50

async function callOf(context: CommandContext): Promise<CallRoute> {
  if (flagOption(context, 'offline')) return callOffline
  const client = await connectToCoordinator(context)
  return (name, input, options) => client.call(name, input, options)
}

const timeOf = (atMs: number) => new Date(atMs).toISOString()

export const constitutionShow: Command = {
  name: 'constitution show',
  summary: 'The rules in force, or those of a hash: a version, or what a job forbade itself.',
  usage: '[HASH]',
  positionalsMax: 1,
  options: { ...offlineOptions, schema: { type: 'boolean' } },
  optionHelp: {
    ...coordinatorOptionHelp,
    offline: { help: 'those that are shipped, without a coordinator' },
    schema: { help: 'what rules can speak about, instead' },
  },
  examples: [
    'hart constitution show > mine.cedar',
    'hart constitution show --schema',
    'hart constitution show --offline',
  ],
  async run(context) {
    const { output, positionals } = context
    const [hash] = positionals
    if (hash !== undefined && flagOption(context, 'offline'))
      throw new HartonomousError('ERR_USAGE', { message: 'a hash is known to a coordinator only' })
    const call = await callOf(context)
    const view = await (hash === undefined
      ? call('getConstitution', {})
      : call('getConstitutionVersion', { params: { hash } }))
    if (output.json) output.value(view)
    else {
      output.line((flagOption(context, 'schema') ? view.schema : view.text).trimEnd())
      const since = view.sinceMs === undefined ? '' : `, in force since ${timeOf(view.sinceMs)}`
      output.note(`${view.ruleCount} rules, ${view.hash}${since}`)
    }
    return 0
  },
}

export const constitutionVersions: Command = {
  name: 'constitution versions',
  summary: 'Constitutions that were in force, the newest first.',
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart constitution versions', 'hart constitution versions --json'],
  async run(context) {
    const { output } = context
    const client = await connectToCoordinator(context)
    const versions = await Array.fromAsync(client.pages('listConstitutionVersions', {}))
    if (output.json) output.value(versions)
    else
      output.table(
        ['since', 'hash'],
        versions.map(({ atMs, hash }) => [timeOf(atMs), hash]),
      )
    return 0
  },
}

export const constitutionCheck: Command = {
  name: 'constitution check',
  summary: 'What is wrong with a file of rules, with line and column. Changes nothing.',
  usage: 'FILE',
  positionalsMin: 1,
  options: offlineOptions,
  optionHelp: { ...coordinatorOptionHelp, offline: { help: 'without a coordinator, as a CI has none' } },
  examples: ['hart constitution check mine.cedar', 'hart constitution check mine.cedar --offline --json'],
  async run(context) {
    const { output, positionals } = context
    const file = positionals[0]!
    const text = await readText(file)
    const checked = await (await callOf(context))('checkConstitution', { body: { text } })
    if (output.json) output.value(checked)
    else {
      for (const { line, column, severity, message, help } of checked.problems)
        output.line(`${file}:${line}:${column}: ${severity}: ${message}${help === undefined ? '' : ` (${help})`}`)
      if (checked.hash !== undefined) output.line(`${file}: ${checked.ruleCount} rules, ${checked.hash}`)
    }
    return checked.hash === undefined ? 1 : 0
  },
}

export const constitutionReplace: Command = {
  name: 'constitution replace',
  summary: 'Put a file of rules in force, at once.',
  usage: 'FILE',
  positionalsMin: 1,
  options: { ...coordinatorOptions, previous: { type: 'string' } },
  optionHelp: {
    ...coordinatorOptionHelp,
    previous: {
      value: 'HASH',
      help: 'what it was made from: refused where another is in force (default: what is in force now)',
    },
  },
  examples: ['hart constitution replace mine.cedar', 'hart constitution replace mine.cedar --previous 5d41…'],
  async run(context) {
    const { output, positionals } = context
    const text = await readText(positionals[0]!)
    const client = await connectToCoordinator(context)
    const previous = textOption(context, 'previous') ?? (await client.call('getConstitution', {})).hash
    const view = await client.call('replaceConstitution', { body: { text, previous } })
    if (output.json) output.value(view)
    else output.line(`in force: ${view.ruleCount} rules, ${view.hash}, in place of ${previous}`)
    return 0
  },
}

interface PolicyCase {
  /** A sentence: what holds. */
  says: string
  isAllowed: boolean
  request: Record<string, ReturnType<typeof JSON.parse>>
}

export const constitutionDecide: Command = {
  name: 'constitution decide',
  summary: 'Test sentences: what would be decided. FILE has a JSON object per line: says, isAllowed, request.',
  usage: 'FILE',
  positionalsMin: 1,
  options: { ...offlineOptions, rules: { type: 'string' } },
  optionHelp: {
    ...coordinatorOptionHelp,
    offline: { help: 'without a coordinator; by the shipped rules, unless --rules names others' },
    rules: { value: 'FILE', help: 'by these rules (default: those in force)' },
  },
  examples: [
    'hart constitution decide cases.jsonl',
    'hart constitution decide cases.jsonl --rules mine.cedar --offline',
  ],
  async run(context) {
    const { output, positionals } = context
    const cases = casesOf(await readText(positionals[0]!), positionals[0]!)
    const rules = textOption(context, 'rules')
    const text = rules === undefined ? {} : { text: await readText(rules) }
    const call = await callOf(context)
    const results = []
    for (let at = 0; at < cases.length; at += decisionsAskedMax) {
      const part = cases.slice(at, at + decisionsAskedMax)
      const { decisions } = await call('decide', { body: { ...text, requests: part.map(({ request }) => request) } })
      for (const [index, decision] of decisions.entries()) {
        const { says, isAllowed } = part[index]!
        results.push({ says, holds: decision.isAllowed === isAllowed, ...decision })
      }
    }
    if (output.json) output.value(results)
    else for (const { says, holds, why } of results) output.line(`${holds ? 'ok  ' : 'FAIL'} ${says}: ${why}`)
    return results.every(({ holds }) => holds) ? 0 : 1
  },
}

/** @throws {ERR_USAGE} naming the line */
function casesOf(text: string, file: string): PolicyCase[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const place = `${file}:${index + 1}`
    const { says, isAllowed, request } = parseJson(line, place) as Partial<PolicyCase>
    if (typeof says === 'string' && typeof isAllowed === 'boolean' && typeof request === 'object')
      return [{ says, isAllowed, request }]
    const message = `${place}: a sentence has says (text), isAllowed (true or false) and request (an object)`
    throw new HartonomousError('ERR_USAGE', { message })
  })
}

export const constitutionAudit: Command = {
  name: 'constitution audit',
  summary: 'What was decided, the newest first.',
  options: {
    ...coordinatorOptions,
    effect: { type: 'string' },
    tenant: { type: 'string' },
    limit: { type: 'string' },
  },
  optionHelp: {
    ...coordinatorOptionHelp,
    effect: { value: 'EFFECT', help: 'permit or forbid' },
    tenant: { value: 'TENANT', help: 'for whom it was asked' },
    limit: { value: 'N', help: `at most (default ${listDefault})` },
  },
  examples: ['hart constitution audit --effect forbid', 'hart constitution audit --tenant local:owner --json'],
  async run(context) {
    const { output } = context
    const limit = Number(textOption(context, 'limit') ?? listDefault)
    if (!Number.isInteger(limit) || limit < 1)
      throw new HartonomousError('ERR_USAGE', { message: '--limit takes a number above zero' })
    const [effect, tenant] = [textOption(context, 'effect'), textOption(context, 'tenant')]
    // The coordinator says which effect is none.
    const query = {
      limit: Math.min(limit, 1000),
      ...(effect === undefined ? {} : { effect }),
      ...(tenant === undefined ? {} : { tenant }),
    } as QueryOf<'listAudit'>
    const client = await connectToCoordinator(context)
    const entries: AuditEntryView[] = []
    for await (const entry of client.pages('listAudit', { query })) if (entries.push(entry) >= limit) break
    if (output.json) output.value(entries)
    else if (entries.length === 0) output.note('no such decision')
    else
      output.table(
        ['seq', 'time', 'tenant', 'action', 'effect', 'rules', 'under'],
        entries.map(({ seq, atMs, tenant: of, action, isAllowed, decision }) => [
          String(seq),
          timeOf(atMs),
          of,
          action,
          isAllowed ? 'permit' : 'forbid',
          decision === undefined ? 'unreadable' : decision.reasons.join(' ') || '-',
          decision?.policyHash.slice(0, 12) ?? '-',
        ]),
      )
    return 0
  },
}

export const constitutionReplay: Command = {
  name: 'constitution replay',
  summary: 'Walk the log and decide all of it again; exit status 1 where anything differs.',
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart constitution replay', 'hart constitution replay --json | jq -r .head'],
  async run(context) {
    const { output } = context
    const client = await connectToCoordinator(context)
    const report = await client.call('replayAudit', {})
    if (output.json) output.value(report)
    else {
      for (const { seq, reason } of report.differences) output.line(`${seq}: ${reason}`)
      output.line(`${report.decisionCount} decisions, ${report.differenceCount} differ; head ${report.head}`)
    }
    return report.differenceCount === 0 ? 0 : 1
  },
}
