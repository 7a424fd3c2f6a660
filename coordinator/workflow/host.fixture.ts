/** A real store that vanishes, and a host whose jobs are done by a function of the test, once per key, as the jobs below do them. */
import type { ItemWork, JobResult } from '#protocol/api/jobs.ts'
import { openEmbeddedStore, type TenantStore } from '#sql/store/index.ts'
import type { StepEvent, WorkflowHost, WorkOptions } from './host.ts'

const store = await openEmbeddedStore({ path: ':memory:' })
let tenants = 0

/** Empty, whenever it is asked for. */
export function emptyTenant(): TenantStore {
  return store.forTenant(`local:test-${tenants++}`)
}

export type ChatWork = Extract<ItemWork, { kind: 'chat' }>

export interface TestHost extends WorkflowHost {
  /** Keys of the jobs that were really done, in order. */
  done: string[]
  events: StepEvent[]
  /** What is answered to steps that wait. */
  answers: Map<string, boolean>
  /** Why an action is refused. */
  refused: Map<string, string>
}

export function testHost(
  answer: (text: string, work: ChatWork, options: WorkOptions) => string | Promise<string>,
  parts: Partial<WorkflowHost> = {},
): TestHost {
  const jobs = new Map<string, Promise<JobResult>>()
  const [done, events, answers, refused]: [string[], StepEvent[], Map<string, boolean>, Map<string, string>] = [
    [],
    [],
    new Map(),
    new Map(),
  ]
  const run = async (work: ItemWork, options: WorkOptions): Promise<JobResult> => {
    if (work.kind !== 'chat') throw new Error(`a test asks for ${work.kind}`)
    const text = await answer(work.messages.at(-1)!.content, work, options)
    options.signal.throwIfAborted()
    done.push(options.idempotencyKey)
    return { kind: 'chat', text, finishReason: 'stop', promptTokens: 10, completionTokens: text.length }
  }
  return {
    done,
    events,
    answers,
    refused,
    runWork: (work, options) => {
      const known = jobs.get(options.idempotencyKey)
      if (known !== undefined) return known
      const job = run(work, options)
      jobs.set(options.idempotencyKey, job)
      // As with a job that ended with its coordinator: it is done when it is asked for again.
      job.catch(() => jobs.delete(options.idempotencyKey))
      return job
    },
    query: async (text) => ({ rows: [text] }),
    authorize: async (action, resource) => {
      const reason = refused.get(action) ?? refused.get(`${action} ${resource}`)
      return reason === undefined ? { isAllowed: true, reason: 'nothing forbids it' } : { isAllowed: false, reason }
    },
    emit: (event) => {
      events.push(event)
    },
    approval: (step) => {
      const known = answers.get(step)
      return known === undefined ? undefined : Promise.resolve(known)
    },
    checkpoints: emptyTenant(),
    tools: new Map(),
    ...parts,
  }
}
