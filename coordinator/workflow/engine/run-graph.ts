/** A plan as a graph of LangGraph, run or gone on with. */
import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons'
import {
  Annotation,
  Command,
  END,
  INTERRUPT,
  type Interrupt,
  interrupt,
  isGraphInterrupt,
  START,
  StateGraph,
} from '@langchain/langgraph'
import type { CheckpointTuple } from '@langchain/langgraph-checkpoint'
import { readPath, type Values } from '#protocol/api/value-path.ts'
import type { PlannedStep } from '#protocol/api/workflow-plan.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { workflowEventValueBytesMax, workflowParallelMax, workflowStateBytesMax } from '#protocol/limits.ts'
import type { StepEvent, WorkflowHost } from '../host.ts'
import type { Plan } from '../plan/compile.ts'
import { render } from '../plan/template.ts'
import type { RunOutcome, RunRequest, WaitingStep } from '../run.ts'
import { runStep } from '../step/run-step.ts'
import { Checkpointer } from './checkpointer.ts'

/** With one of these set, LangChain sends all that a graph is given, and gives, to a service. */
const tracingSwitches = ['LANGSMITH_TRACING', 'LANGSMITH_TRACING_V2', 'LANGCHAIN_TRACING', 'LANGCHAIN_TRACING_V2']

/** Of a step that has ended: what it gave, or that it was passed over. */
type Ended = { value: unknown } | { passedOver: true }

/** `$`: no step can be called so. */
const State = Annotation.Root({
  $digest: Annotation<string>,
  $input: Annotation<unknown>,
  $ended: Annotation<Record<string, Ended>>({ reducer: (known, news) => ({ ...known, ...news }), default: () => ({}) }),
})
type State = typeof State.State

/** A run within a step of another (an agent's) is a run of its own, not a part of LangGraph's graph around it. */
export function runGraph(host: WorkflowHost, request: RunRequest): Promise<RunOutcome> {
  return AsyncLocalStorageProviderSingleton.getInstance().run(undefined, () => runAlone(host, request))
}

async function runAlone(host: WorkflowHost, request: RunRequest): Promise<RunOutcome> {
  const { plan, thread } = request
  // Nothing of a run leaves this machine but the work that it asks for.
  for (const name of tracingSwitches) delete process.env[name]
  const stop = new AbortController()
  let failure: HartonomousError | undefined
  const nodes: NodeContext = {
    host,
    request,
    signal: AbortSignal.any([request.signal, stop.signal]),
    fail: (error) => {
      failure ??= error
      // What runs beside it is of no more use.
      stop.abort(error)
      return error
    },
  }
  const checkpointer = new Checkpointer(host.checkpoints)
  const app = graphOf(nodes, checkpointer)
  const config = {
    configurable: { thread_id: thread },
    signal: nodes.signal,
    maxConcurrency: workflowParallelMax,
    // At most one round per step; the others are for what LangGraph counts besides.
    recursionLimit: plan.steps.length + 10,
    durability: 'sync' as const,
  }
  try {
    let now = await app.getState(config)
    const begunWith = (now.values as Partial<State>).$digest
    if (begunWith !== undefined && begunWith !== plan.digest)
      throw new HartonomousError('ERR_USAGE', { message: `run ${thread} was begun with another workflow` })
    let input: unknown =
      begunWith === undefined
        ? { $digest: plan.digest, $input: request.input }
        : ((await answersTo(host, waitingIn(await checkpointer.getTuple(config), plan))) ?? null)
    while (begunWith === undefined || now.next.length > 0) {
      await app.invoke(input as never, config)
      now = await app.getState(config)
      if (now.next.length === 0) break
      const waiting = waitingIn(await checkpointer.getTuple(config), plan)
      if (waiting.length === 0)
        throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: `${thread} stopped before its end` })
      input = await answersTo(host, waiting)
      if (input === undefined) {
        for (const { step, question } of waiting)
          await host.emit({ type: 'step', step, status: 'waiting', detail: question })
        return { state: 'waiting', waiting: waiting.map(({ step, question }) => ({ step, question })) }
      }
    }
    return { state: 'succeeded', output: readPath(plan.output, valuesOf(now.values as State)) ?? null }
  } catch (error) {
    request.signal.throwIfAborted()
    throw failure ?? error
  }
}

interface NodeContext {
  host: WorkflowHost
  request: RunRequest
  signal: AbortSignal
  /** Ends the run; gives the error back. */
  fail(error: HartonomousError): HartonomousError
}

function graphOf(nodes: NodeContext, checkpointer: Checkpointer) {
  const { plan } = nodes.request
  const graph = new StateGraph(State) as StateGraph<typeof State, State, Partial<State>, string>
  // Short names: where a step needs many, LangGraph makes one name of all of theirs, and the store keeps it.
  const names = new Map(plan.steps.map(({ step }, at) => [step.id, `n${at}`]))
  const nameOf = (id: string) => names.get(id)!
  for (const planned of plan.steps)
    graph.addNode(nameOf(planned.step.id), (state: State) => runNode(nodes, planned, state))
  for (const { step, needs } of plan.steps) {
    const [only] = needs
    if (only === undefined) graph.addEdge(START, nameOf(step.id))
    else graph.addEdge(needs.length === 1 ? nameOf(only) : (needs.map(nameOf) as never), nameOf(step.id))
  }
  const needed = new Set(plan.steps.flatMap(({ needs }) => needs))
  for (const { step } of plan.steps) if (!needed.has(step.id)) graph.addEdge(nameOf(step.id), END)
  return graph.compile({ checkpointer })
}

async function runNode(nodes: NodeContext, planned: PlannedStep, state: State): Promise<Partial<State>> {
  const { host, signal } = nodes
  const { step } = planned
  const tell = (status: StepEvent['status'], more: Pick<StepEvent, 'detail' | 'value'> = {}) =>
    host.emit({ type: 'step', step: step.id, status, ...more })
  try {
    if (isPassedOver(planned, state)) {
      await tell('succeeded', { detail: 'passed over' })
      return { $ended: { [step.id]: { passedOver: true } } }
    }
    const values = valuesOf(state)
    // It has begun, and said so, when it began to wait.
    if (step.type !== 'approval') await tell('started')
    const value =
      step.type === 'approval'
        ? approved(step.id, interrupt({ step: step.id, question: render(step.question, values) }))
        : await runStep(
            {
              host,
              thread: nodes.request.thread,
              step: step.id,
              model: nodes.request.plan.graph.model,
              values,
              signal,
            },
            step,
          )
    signal.throwIfAborted()
    checkState(state, value)
    await tell('succeeded', {
      ...(Array.isArray(value) ? { detail: `${value.length} items` } : {}),
      ...(isShort(value) ? { value } : {}),
    })
    return { $ended: { [step.id]: { value } } }
  } catch (error) {
    // That is how LangGraph waits.
    if (isGraphInterrupt(error) || signal.aborted) throw error
    const failed = nodes.fail(failureOf(step.id, error))
    await tell('failed', { detail: failed.message })
    throw failed
  }
}

/** Events are kept and sent to all who watch: they carry no more than a person reads. */
function isShort(value: unknown): value is Exclude<StepEvent['value'], undefined> {
  return Buffer.byteLength(JSON.stringify(value)) <= workflowEventValueBytesMax
}

/** @throws {ERR_FORBIDDEN} */
function approved(step: string, answer: unknown): true {
  if (answer === true) return true
  throw new HartonomousError('ERR_FORBIDDEN', { action: `going on after ${step}`, reason: 'the answer was no' })
}

function isPassedOver({ guards, sources }: PlannedStep, { $ended }: State): boolean {
  const isRefused = guards.some(({ condition, when }) => {
    const ended = $ended[condition]
    return ended === undefined || !('value' in ended) || ended.value !== when
  })
  return isRefused || (sources.length > 0 && sources.every((id) => 'passedOver' in ($ended[id] ?? {})))
}

function valuesOf({ $ended, $input }: State): Values {
  const values = new Map<string, unknown>([['input', $input]])
  for (const [id, ended] of Object.entries($ended)) if ('value' in ended) values.set(id, ended.value)
  return values
}

/** @throws {ERR_LIMIT} */
function checkState(state: State, value: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify([state.$input, state.$ended, value]))
  if (bytes > workflowStateBytesMax)
    throw new HartonomousError('ERR_LIMIT', {
      what: 'bytes of all values',
      limit: workflowStateBytesMax,
      actual: bytes,
    })
}

function failureOf(step: string, error: unknown): HartonomousError {
  if (isHartonomousError(error, 'ERR_STEP_FAILED')) {
    // Of a run within this step.
    const inner = error.fields
    return new HartonomousError('ERR_STEP_FAILED', { ...inner, step: `${step}/${inner.step}` }, { cause: error })
  }
  const cause = isHartonomousError(error) ? error.code : 'ERR_IO'
  const reason = error instanceof Error ? error.message : String(error)
  return new HartonomousError('ERR_STEP_FAILED', { step, cause, reason }, { cause: error })
}

interface WaitingTask extends WaitingStep {
  /** LangGraph's name of the interrupt. */
  interruptId: string
}

/** In the plan's order. An interrupt stays written down beside the answer: only of a task that has not ended it still waits. */
function waitingIn(tuple: CheckpointTuple | undefined, plan: Plan): WaitingTask[] {
  const places = new Map(plan.steps.map(({ step }, at) => [step.id, at]))
  const writes = tuple?.pendingWrites ?? []
  const ended = new Set(writes.filter(([, channel]) => channel === '$ended').map(([task]) => task))
  return writes
    .filter(([task, channel]) => channel === INTERRUPT && !ended.has(task))
    .map(([, , value]) => {
      const { id = '', value: waiting } = value as Interrupt<WaitingStep>
      return { step: waiting!.step, question: waiting!.question, interruptId: id }
    })
    .sort((a, b) => places.get(a.step)! - places.get(b.step)!)
}

/** `undefined` where nothing was answered yet. */
async function answersTo(host: WorkflowHost, waiting: readonly WaitingTask[]): Promise<Command | undefined> {
  const resume: Record<string, boolean> = {}
  for (const { step, interruptId } of waiting) {
    const answer = await host.approval(step)
    if (answer !== undefined) resume[interruptId] = answer
  }
  return Object.keys(resume).length === 0 ? undefined : new Command({ resume })
}
