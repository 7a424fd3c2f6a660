/** `hart jobs`: work on the swarm through a coordinator. What may be spent on it is `hart job`. */
import type { CoordinatorClient } from '#protocol/api/client.ts'
import { type JobView, jobKinds, jobStates } from '#protocol/api/jobs.ts'
import type { QueryOf } from '#protocol/api/routes/index.ts'
import { resultWaitMsMax } from '#protocol/api/routes/jobs.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { formatDuration, second } from '#protocol/units.ts'
import { hart } from '../amount.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { connectToCoordinator, coordinatorOptionHelp, coordinatorOptions } from '../coordinator.ts'
import { readJob, type WrittenJob, workOptionHelp, workOptions } from '../job-request.ts'
import { paintState, printJob, printJobDetail, printResult, watchJob } from '../job-view.ts'

const listDefault = 20

export const jobsSubmit: Command = {
  name: 'jobs submit',
  summary: 'Submit a job: FILE is a request as JSON, or the items of a batch as .jsonl; - reads stdin.',
  usage: '[FILE]',
  positionalsMax: 1,
  options: { ...coordinatorOptions, ...workOptions, key: { type: 'string' }, watch: { type: 'boolean' } },
  optionHelp: {
    ...coordinatorOptionHelp,
    ...workOptionHelp,
    key: { value: 'TEXT', help: 'the same key is the same job, however often it is submitted' },
    watch: { help: 'follow it to its end' },
  },
  examples: [
    'hart jobs submit --model hartling-f16 --prompt "What is a swarm?" --watch',
    'hart jobs submit prompts.jsonl --max-price 2',
    'hart jobs submit request.json --key nightly-2026-11-21 --json',
  ],
  async run(context) {
    const written = await readJob(context)
    const client = await connectToCoordinator(context)
    const job = await submit(client, written, textOption(context, 'key') ?? crypto.randomUUID())
    if (flagOption(context, 'watch')) return watchJob(context, client, job.jobId)
    printJob(context.output, job)
    return 0
  },
}

/** Always with a key: a request that is sent again after a broken connection is no second job. */
async function submit(client: CoordinatorClient, written: WrittenJob, idempotencyKey: string): Promise<JobView> {
  if ('request' in written) return client.call('submitJob', { body: written.request }, { idempotencyKey })
  const { privacy, maxPriceWei, ...others } = written.terms
  if (Object.keys(others).length > 0)
    throw new HartonomousError('ERR_USAGE', { message: 'of a .jsonl file only --privacy and --max-price can be said' })
  const query = {
    ...(privacy === undefined ? {} : { privacy }),
    ...(maxPriceWei === undefined ? {} : { maxPriceWei }),
  }
  return client.submitLines(written.lines, query, { idempotencyKey })
}

export const jobsQuote: Command = {
  name: 'jobs quote',
  summary: 'What a job would take: plan, nodes, price, time and privacy. Starts nothing.',
  usage: '[FILE]',
  positionalsMax: 1,
  options: { ...coordinatorOptions, ...workOptions },
  optionHelp: { ...coordinatorOptionHelp, ...workOptionHelp },
  examples: ['hart jobs quote --model hartling-f16 --prompt "Hello"', 'hart jobs quote request.json --json'],
  async run(context) {
    const { output } = context
    const written = await readJob(context)
    if (!('request' in written))
      throw new HartonomousError('ERR_USAGE', { message: 'quote a batch as a request in a .json file' })
    const quote = await (await connectToCoordinator(context)).call('quoteJob', { body: written.request })
    if (output.json) output.value(quote)
    else {
      const row = (name: string, text: string) => output.line(`${output.paint('dim', name.padEnd(9))} ${text}`)
      for (const step of quote.plan) row('plan', step)
      row('nodes', String(quote.nodes.length))
      row('price', `${hart(quote.priceWei.min)} to ${hart(quote.priceWei.max)}`)
      row('tokens', `${quote.promptTokens} in, at most ${quote.completionTokensMax} out`)
      if (quote.etaMs !== undefined) row('begins in', formatDuration(quote.etaMs))
      row('privacy', `${quote.privacy.label}: ${quote.privacy.meaning}`)
    }
    return 0
  },
}

export const jobsList: Command = {
  name: 'jobs list',
  aliases: ['jobs ls'],
  summary: 'Your jobs, newest first.',
  options: {
    ...coordinatorOptions,
    state: { type: 'string' },
    kind: { type: 'string' },
    limit: { type: 'string' },
  },
  optionHelp: {
    ...coordinatorOptionHelp,
    state: { value: 'STATE', help: `${jobStates.join(', ')}; several with commas` },
    kind: { value: 'KIND', help: jobKinds.join(', ') },
    limit: { value: 'N', help: `at most (default ${listDefault})` },
  },
  examples: ['hart jobs list', 'hart jobs list --state running,waiting --json'],
  async run(context) {
    const { output } = context
    const limit = Number(textOption(context, 'limit') ?? listDefault)
    if (!Number.isInteger(limit) || limit < 1)
      throw new HartonomousError('ERR_USAGE', { message: '--limit takes a number above zero' })
    const state = textOption(context, 'state')
    const kind = textOption(context, 'kind')
    // The coordinator says which state or kind is none.
    const query = {
      limit: Math.min(limit, 1000),
      ...(state === undefined ? {} : { state: state.split(',') }),
      ...(kind === undefined ? {} : { kind }),
    } as QueryOf<'listJobs'>
    const client = await connectToCoordinator(context)
    const jobs: JobView[] = []
    for await (const job of client.pages('listJobs', { query })) if (jobs.push(job) >= limit) break
    if (output.json) output.value(jobs)
    else if (jobs.length === 0) output.note('there is no such job')
    else {
      const nowMs = Date.now()
      output.table(
        ['job', 'kind', 'state', 'age', 'model', 'charged', 'reason'],
        jobs.map((job) => [
          job.jobId,
          job.kind,
          paintState(output, job.state),
          formatDuration(Math.max(0, nowMs - job.createdAtMs)),
          job.model ?? '-',
          hart(job.chargedWei),
          job.reason,
        ]),
      )
    }
    return 0
  },
}

export const jobsShow: Command = {
  name: 'jobs show',
  aliases: ['jobs status'],
  summary:
    'A job with its phases, its tries and why; with --receipts what the nodes signed, with --request what was asked.',
  usage: 'JOB',
  positionalsMin: 1,
  options: { ...coordinatorOptions, receipts: { type: 'boolean' }, request: { type: 'boolean' } },
  optionHelp: {
    ...coordinatorOptionHelp,
    receipts: { help: 'signed statements of the nodes, as JSON' },
    request: { help: 'what was asked for, as JSON: a file of it can be submitted again' },
  },
  examples: ['hart jobs show 0199…', 'hart jobs show 0199… --receipts', 'hart jobs show 0199… --request > again.json'],
  async run(context) {
    const { output } = context
    const [client, params] = await jobOf(context)
    if (flagOption(context, 'receipts')) {
      const { receipts } = await client.call('jobReceipts', { params })
      for (const receipt of receipts) output.value(receipt)
      return 0
    }
    if (flagOption(context, 'request')) {
      output.value(await client.call('jobRequest', { params }))
      return 0
    }
    const job = await client.call('getJob', { params })
    if (output.json) output.value(job)
    else printJobDetail(output, job)
    return 0
  },
}

export const jobsWatch: Command = {
  name: 'jobs watch',
  summary: 'Follow a job to its end: its text on stdout, the rest on stderr.',
  usage: 'JOB',
  positionalsMin: 1,
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart jobs watch 0199…', 'hart jobs watch 0199… --json | jq .type'],
  async run(context) {
    const [client, { jobId }] = await jobOf(context)
    return watchJob(context, client, jobId)
  },
}

export const jobsResult: Command = {
  name: 'jobs result',
  summary: 'What a job gave: text as it is, a batch as JSONL.',
  usage: 'JOB',
  positionalsMin: 1,
  options: { ...coordinatorOptions, wait: { type: 'boolean' } },
  optionHelp: { ...coordinatorOptionHelp, wait: { help: 'wait for its end (--timeout says how long)' } },
  examples: ['hart jobs result 0199…', 'hart jobs result 0199… --wait'],
  async run(context) {
    const [client, params] = await jobOf(context)
    const query = { waitMs: flagOption(context, 'wait') ? resultWaitMsMax : 0 }
    for (;;) {
      try {
        printResult(context.output, await client.call('jobResult', { params, query }))
        return 0
      } catch (error) {
        if (query.waitMs === 0 || !isHartonomousError(error, 'ERR_JOB_UNFINISHED')) throw error
        context.output.progress(`${error.fields.state} for ${resultWaitMsMax / second} s and more`)
      }
    }
  },
}

export const jobsCancel: Command = {
  name: 'jobs cancel',
  aliases: ['jobs rm'],
  summary: 'Cancel a job; one that has ended is not changed.',
  usage: 'JOB',
  positionalsMin: 1,
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart jobs cancel 0199…'],
  async run(context) {
    const [client, params] = await jobOf(context)
    printJob(context.output, await client.call('cancelJob', { params }))
    return 0
  },
}

export const jobsApprove: Command = {
  name: 'jobs approve',
  summary: 'Answer a step of a workflow that waits for a person: yes, or with --reject no.',
  usage: 'JOB STEP',
  positionalsMin: 2,
  options: { ...coordinatorOptions, reject: { type: 'boolean' } },
  optionHelp: { ...coordinatorOptionHelp, reject: { help: 'say no: the workflow fails' } },
  examples: ['hart jobs approve 0199… review', 'hart jobs approve 0199… review --reject'],
  async run(context) {
    const [client, params] = await jobOf(context)
    const body = { step: context.positionals[1]!, isApproved: !flagOption(context, 'reject') }
    printJob(context.output, await client.call('approveJob', { params, body }))
    return 0
  },
}

async function jobOf(context: CommandContext): Promise<[CoordinatorClient, { jobId: string }]> {
  return [await connectToCoordinator(context), { jobId: context.positionals[0]! }]
}
