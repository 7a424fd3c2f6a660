/**
 * One stream of events keeps the page up to date: it says what changed, and what is shown of that is read anew. While it is
 * lost, everything keeps its age, and the shell says since when.
 */
import type { QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import type { ChangeEvent } from '#protocol/api/network.ts'
import { client } from './client.ts'
import { snapshotQuery } from './queries.ts'

/** Many nodes change in a second; a person reads no faster. */
const readEveryMs = 1000

export interface LiveState {
  isConnected: boolean
  /** When it became so. */
  sinceMs: number
}

let state: LiveState = { isConnected: false, sinceMs: Date.now() }
const listeners = new Set<() => void>()

export function useLive(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => state,
  )
}

/** Runs until `signal` aborts. */
export async function followEvents(queries: QueryClient, signal: AbortSignal): Promise<void> {
  const readSnapshot = paced(() => queries.invalidateQueries({ queryKey: snapshotQuery.queryKey }), readEveryMs)
  const readModels = paced(() => {
    void queries.invalidateQueries({ queryKey: ['models'] })
    void queries.invalidateQueries({ queryKey: ['coverage'] })
  }, 10 * readEveryMs)
  const readJobs = paced(() => queries.invalidateQueries({ queryKey: ['jobs'] }), readEveryMs)
  const apply = (event: ChangeEvent) => {
    switch (event.type) {
      case 'network':
        readSnapshot()
        readModels()
        break
      case 'job':
        void queries.invalidateQueries({ queryKey: ['job', event.jobId] })
        readJobs()
        break
      case 'reset':
        void queries.invalidateQueries()
    }
  }
  const onConnection = (isConnected: boolean) => {
    if (state.isConnected === isConnected) return
    state = { isConnected, sinceMs: Date.now() }
    // What changed between the first look and the opening of the stream was told to nobody.
    if (isConnected) readJobs()
    for (const listener of listeners) listener()
  }
  while (!signal.aborted) {
    try {
      for await (const event of client.events('events', {}, { signal, onConnection })) apply(event)
    } catch {
      // Refused: signed out, or too many readers. Asked again, slowly.
      onConnection(false)
      await new Promise((resolve) => setTimeout(resolve, 5 * readEveryMs))
    }
  }
}

/** At once, then at most every `everyMs`, the last call never lost. */
function paced(act: () => unknown, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let lastMs = Number.NEGATIVE_INFINITY
  return () => {
    if (timer !== undefined) return
    const waitMs = Math.max(0, lastMs + everyMs - performance.now())
    timer = setTimeout(() => {
      timer = undefined
      lastMs = performance.now()
      act()
    }, waitMs)
  }
}
