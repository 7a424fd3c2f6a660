/** A parent agent: plans, gives each task away as a job, checks what comes back, and joins it. */
import { createHash } from 'node:crypto'
import type { ItemWork, JobResult } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { WorkflowHost, WorkOptions } from '../host.ts'
import { compile } from '../plan/compile.ts'
import { runWorkflow } from '../run.ts'
import { mergeId, readPlan, tasksProblem } from './agent-plan.ts'
import { narrowed } from './narrowed.ts'
import { judgeSaysYes, resultProblem } from './result-check.ts'
import type { AgentTask, AgentTemplate } from './template.ts'

export interface AgentRequest {
  /** The same key is the same agent: it goes on, and has no job done twice. */
  key: string
  /** Of the workflow that it is part of; its own are `STEP/task`. */
  step: string
  goal: string
  template: AgentTemplate
  signal: AbortSignal
  /** 1 unless it is below another one. */
  depth?: number
}

export interface AgentReport {
  output: string
  plan: {
    /** Whose plan was carried out. */
    source: 'model' | 'repaired' | 'fallback'
    /** Why the plans before it were not. */
    problems: string[]
    tasks: AgentTask[]
  }
}

type ChatWork = Extract<ItemWork, { kind: 'chat' }>

/** Of a job, and of an agent in place of one. */
interface Share {
  answerTokens: number
  maxPriceWei?: bigint
}

/** Plan and repair; each task, and the merge, twice where the first result is no good. */
const plansMax = 2
const triesMax = 2

/** @throws {ERR_FORBIDDEN} {ERR_STEP_FAILED} {ERR_USAGE} for a template whose fallback is none */
export async function runAgent(host: WorkflowHost, request: AgentRequest): Promise<AgentReport> {
  const { template, goal, signal, depth = 1 } = request
  const bounds = { tasksMax: template.tasksMax, maySplit: depth < template.depthMax }
  const { isAllowed, reason } = await host.authorize('delegate', template.name)
  if (!isAllowed) throw new HartonomousError('ERR_FORBIDDEN', { action: `the agent ${template.name}`, reason })
  const own = narrowed(host, template)
  const share = shareOf(template)
  const plan = await makePlan(own, request, share, bounds)
  const thread = threadOf(request.key)
  const run = { thread, plan: compile(graphOf(plan.tasks, template)), input: { goal }, signal }
  try {
    const outcome = await runWorkflow(taskHost(own, request, share, plan.tasks), run)
    if (outcome.state === 'waiting')
      throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: 'an agent waits for nobody' })
    return { output: String(outcome.output), plan }
  } finally {
    // Whoever goes on with it has all results by the keys of its jobs; nobody else knows of this thread. One that stays
    // is rubbish, and no reason to hide why the run failed.
    await host.checkpoints.removeThread(thread).catch(() => undefined)
  }
}

/**
 * What is there is divided before any of it is spent: no sum is kept that a crash could lose, and jobs that run at once
 * cannot pass the bound together.
 */
export function shareOf(template: AgentTemplate): Share {
  const perResult = triesMax * (template.check.judge === undefined ? 1 : 2)
  const jobs = plansMax + (template.tasksMax + 1) * perResult
  const answerTokens = Math.floor(template.answerTokensMax / jobs)
  if (answerTokens === 0)
    throw new HartonomousError('ERR_LIMIT', { what: 'jobs of an agent', limit: template.answerTokensMax, actual: jobs })
  const { maxPriceWei } = template
  return { answerTokens, ...(maxPriceWei === undefined ? {} : { maxPriceWei: BigInt(maxPriceWei) / BigInt(jobs) }) }
}

function limited(options: WorkOptions, { maxPriceWei }: Share): WorkOptions {
  return maxPriceWei === undefined ? options : { ...options, maxPriceWei }
}

function chat(template: AgentTemplate, share: Share, said: string): ChatWork {
  const messages: ChatWork['messages'] = [{ role: 'user', content: said }]
  if (template.system !== undefined) messages.unshift({ role: 'system', content: template.system })
  return { kind: 'chat', model: template.model, messages, maxTokens: share.answerTokens }
}

async function makePlan(
  host: WorkflowHost,
  request: AgentRequest,
  share: Share,
  bounds: { tasksMax: number; maySplit: boolean },
): Promise<AgentReport['plan']> {
  const { template, key, step, signal } = request
  const wrong = tasksProblem(template.fallback, bounds)
  if (wrong !== undefined)
    throw new HartonomousError('ERR_USAGE', { message: `the fallback plan: ${wrong}`, param: 'fallback' })
  const problems: string[] = []
  let said = planPrompt(request.goal, bounds)
  for (const source of ['model', 'repaired'] as const) {
    const part = source === 'model' ? 'plan' : 'plan~2'
    const work = { ...chat(template, share, said), temperature: 0 }
    const options = { signal, step: `${step}/${part}`, idempotencyKey: `${threadOf(key)}/${part}` }
    const text = textOf(await host.runWork(work, limited(options, share)))
    const plan = readPlan(text, bounds)
    if (typeof plan !== 'string') return { source, problems, tasks: plan }
    problems.push(plan)
    said = `${planPrompt(request.goal, bounds)}\n\nThis was no such plan: ${plan}. Reply with the JSON alone.`
  }
  return { source: 'fallback', problems, tasks: template.fallback }
}

function planPrompt(goal: string, { tasksMax, maySplit }: { tasksMax: number; maySplit: boolean }): string {
  const split = maySplit ? ' A step that is itself large has "split": true.' : ''
  return [
    `Goal: ${goal}`,
    `Plan it in at most ${tasksMax} steps. Reply with JSON of this form and nothing else:`,
    '{"steps": [{"id": "facts", "task": "What to do."}, {"id": "draft", "task": "What to do then.", "after": ["facts"]}]}',
    `A step is given the results of those in "after", which stand before it.${split}`,
  ].join('\n')
}

/** Tasks are data: they come in by the input's side of a template only as text that no template is read from. */
function graphOf(tasks: readonly AgentTask[], template: AgentTemplate): object {
  const prompt = (id: string, instruction: string, results: readonly string[]) => ({
    id,
    type: 'prompt',
    after: [...results],
    prompt: [
      'Goal: {{input.goal}}',
      ...results.map((one) => `Result of ${one}:\n{{${one}}}`),
      literal(instruction),
    ].join('\n\n'),
    ...(template.system === undefined ? {} : { system: literal(template.system) }),
  })
  return {
    name: template.name,
    model: literal(template.model),
    steps: [
      ...tasks.map(({ id, task, after = [] }) => prompt(id, task, after)),
      prompt(
        mergeId,
        template.merge,
        tasks.map(({ id }) => id),
      ),
    ],
    output: mergeId,
  }
}

/** A model's braces are no template. */
function literal(text: string): string {
  return text.replaceAll('{{', '{ {')
}

/** Each job of the graph is a task: bounded, checked, tried again, or an agent of its own. */
function taskHost(host: WorkflowHost, request: AgentRequest, share: Share, tasks: readonly AgentTask[]): WorkflowHost {
  const { template, step: outer } = request
  return {
    ...host,
    emit: (event) => host.emit({ ...event, step: `${outer}/${event.step}` }),
    runWork: async (work, options) => {
      const task = tasks.find(({ id }) => id === options.step)
      const named = { ...options, step: `${outer}/${options.step}` }
      if (task?.split === true) return splitTask(host, request, share, task, named)
      return checkedWork(host, template, share, work as ChatWork, named)
    },
  }
}

async function splitTask(
  host: WorkflowHost,
  request: AgentRequest,
  share: Share,
  task: AgentTask,
  { step, idempotencyKey: key, signal }: WorkOptions,
): Promise<JobResult> {
  const { template, depth = 1 } = request
  const { answerTokens, maxPriceWei } = share
  const below: AgentTemplate = {
    ...template,
    // A task costs twice its share where its first result is no good; an agent has both at once.
    answerTokensMax: answerTokens * triesMax,
    ...(maxPriceWei === undefined ? {} : { maxPriceWei: String(maxPriceWei * BigInt(triesMax)) }),
  }
  const goal = `${task.task}\nIt is part of this: ${request.goal}`
  const { output } = await runAgent(host, { key, step, goal, template: below, signal, depth: depth + 1 })
  // Its jobs have told their own tokens.
  return { kind: 'chat', text: output, finishReason: 'stop', promptTokens: 0, completionTokens: 0 }
}

async function checkedWork(
  host: WorkflowHost,
  template: AgentTemplate,
  share: Share,
  work: ChatWork,
  options: WorkOptions,
): Promise<JobResult> {
  const said = work.messages.at(-1)!.content
  let problem: string | undefined
  for (let attempt = 1; attempt <= triesMax; attempt++) {
    const suffix = attempt === 1 ? '' : `~${attempt}`
    const asked = problem === undefined ? said : `${said}\n\nAn earlier result was refused: ${problem}.`
    const idempotencyKey = `${options.idempotencyKey}${suffix}`
    const result = await host.runWork(chat(template, share, asked), limited({ ...options, idempotencyKey }, share))
    const text = textOf(result)
    problem = resultProblem(text, template.check)
    problem ??= await judged(
      host,
      template,
      share,
      { said, text },
      { ...options, idempotencyKey: `${idempotencyKey}~judge` },
    )
    if (problem === undefined) return result
  }
  throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: `${options.step} was refused twice: ${problem}` })
}

async function judged(
  host: WorkflowHost,
  template: AgentTemplate,
  share: Share,
  { said, text }: { said: string; text: string },
  options: WorkOptions,
): Promise<string | undefined> {
  const { judge } = template.check
  if (judge === undefined) return undefined
  const asked = `Task:\n${said}\n\nResult:\n${text}\n\n${judge}\nBegin with yes or no.`
  const work = { ...chat(template, share, asked), temperature: 0 }
  const answer = textOf(await host.runWork(work, limited(options, share)))
  return judgeSaysYes(answer) ? undefined : `the judge said: ${answer.trim().slice(0, 200) || 'nothing'}`
}

function textOf(result: JobResult): string {
  if (result.kind === 'chat' || result.kind === 'completion') return result.text
  throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: `a prompt was answered by a ${result.kind}` })
}

/** Keys of agents below agents grow; names of threads in the store may not. */
function threadOf(key: string): string {
  if (Buffer.byteLength(key) <= 64) return key
  return createHash('sha256').update(key).digest('hex')
}
