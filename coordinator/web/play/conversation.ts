/** What was said in this tab. It stays while other pages are open, and goes with the tab, or with whoever signs out. */
import type { QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import type { JobEvent, SubmitRequest } from '#protocol/api/jobs.ts'
import { client } from '../app/client.ts'
import { jobQuery, jobResultQuery } from '../jobs/queries.ts'
import { randomKey } from '../jobs/random-key.ts'

export interface Turn {
  /** Its job's Idempotency-Key too: asked again, it is the same job. */
  turnId: string
  prompt: string
  request: SubmitRequest
  sentAtMs: number
  jobId?: string
  /** From sending to the answer that there is a job, and to the first text, as this browser measured it. */
  acceptedMs?: number
  firstTextMs?: number
  events: readonly JobEvent[]
  /** The whole answer, as the coordinator keeps it. */
  text?: string
  /** The person wanted it no more. */
  isStopped: boolean
  isOver: boolean
  /** Why there is no job, or why it cannot be followed. */
  problem?: unknown
}

let tenant: string | undefined
let turns: readonly Turn[] = []
const listeners = new Set<() => void>()

export function useConversation(): readonly Turn[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => turns,
  )
}

function setTurns(next: readonly Turn[]): void {
  turns = next
  for (const listener of listeners) listener()
}

function change(turnId: string, next: (turn: Turn) => Partial<Turn>): void {
  setTurns(turns.map((turn) => (turn.turnId === turnId ? { ...turn, ...next(turn) } : turn)))
}

/** What one tenant said is not shown to the next. */
export function keepFor(next: string | undefined): void {
  if (tenant !== undefined && tenant !== next) setTurns([])
  tenant = next
}

export function forget(): void {
  setTurns([])
}

/** What a model is to know of what was said: prompts that were answered, with their answers. */
export function messagesOf(said: readonly Turn[]): { role: 'user' | 'assistant'; content: string }[] {
  return said.flatMap(({ prompt, text }) =>
    text === undefined
      ? []
      : [
          { role: 'user' as const, content: prompt },
          { role: 'assistant' as const, content: text },
        ],
  )
}

export async function ask(queries: QueryClient, prompt: string, request: SubmitRequest): Promise<void> {
  const turnId = randomKey()
  const turn: Turn = { turnId, prompt, request, sentAtMs: Date.now(), events: [], isStopped: false, isOver: false }
  setTurns([...turns, turn])
  await send(queries, turnId)
}

/** Also again, where nothing answered the first time: the key makes it the same job. */
export async function send(queries: QueryClient, turnId: string): Promise<void> {
  const turn = turns.find((each) => each.turnId === turnId)
  if (turn === undefined) return
  change(turnId, () => ({ events: [], isOver: false, problem: undefined }))
  const startedMs = performance.now()
  try {
    const job = await client.call('submitJob', { body: turn.request }, { idempotencyKey: turnId })
    const { jobId } = job
    change(turnId, () => ({ jobId, acceptedMs: performance.now() - startedMs }))
    queries.setQueryData(jobQuery(jobId).queryKey, job)
    if (turns.find((each) => each.turnId === turnId)?.isStopped) await client.call('cancelJob', { params: { jobId } })
    for await (const event of client.events('jobEvents', { params: { jobId } }))
      change(turnId, ({ events, firstTextMs }) => ({
        events: [...events, event],
        ...(event.type === 'text' && firstTextMs === undefined ? { firstTextMs: performance.now() - startedMs } : {}),
      }))
    const { state } = await queries.fetchQuery({ ...jobQuery(jobId), staleTime: 0 })
    if (state !== 'succeeded') return
    const result = await queries.fetchQuery(jobResultQuery(jobId))
    if (result.kind === 'chat') change(turnId, () => ({ text: result.text }))
  } catch (problem) {
    change(turnId, () => ({ problem }))
  } finally {
    change(turnId, () => ({ isOver: true }))
  }
}

/** Cancels its job, or will as soon as there is one. */
export async function stop(turnId: string): Promise<void> {
  change(turnId, () => ({ isStopped: true }))
  const jobId = turns.find((turn) => turn.turnId === turnId)?.jobId
  if (jobId === undefined) return
  try {
    await client.call('cancelJob', { params: { jobId } })
  } catch (problem) {
    change(turnId, () => ({ problem }))
  }
}
