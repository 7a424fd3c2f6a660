/**
 * One stream of events keeps the page up to date: it says what changed, and what is shown of that is read anew. While it is
 * lost, everything keeps its age, and the shell says since when.
 */
import type { QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import type { ChangeEvent } from '#protocol/api/network.ts'
import { client } from './client.ts'
import { paced } from './paced.ts'
import { networkEventsQuery, snapshotQuery } from './queries.ts'
import { withChanges } from './swarm.ts'

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
  let told = 0
  const readSwarm = paced(async () => {
    const revision = await readChanges(queries)
    // What happened while it was read is told on.
    if (revision < told && !signal.aborted) readSwarm()
  }, readEveryMs)
  const readModels = paced(() => {
    void queries.invalidateQueries({ queryKey: ['models'] })
    void queries.invalidateQueries({ queryKey: ['coverage'] })
  }, 10 * readEveryMs)
  const readJobs = paced(() => queries.invalidateQueries({ queryKey: ['jobs'] }), readEveryMs)
  const apply = (event: ChangeEvent) => {
    switch (event.type) {
      case 'network':
        told = event.revision
        readSwarm()
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

/**
 * What became of the swarm since it was read, into the cache: pages show the nodes of a large one without reading them all
 * anew each second. @returns the revision that is known now
 */
async function readChanges(queries: QueryClient): Promise<number> {
  const known = queries.getQueryData(snapshotQuery.queryKey)
  // No page has asked for it: there is nothing to keep up to date.
  if (known === undefined) return Number.POSITIVE_INFINITY
  try {
    const changes = await client.call('networkChanges', { query: { since: known.revision } })
    const next = withChanges(known, changes, Date.now())
    if (next === undefined) await queries.invalidateQueries({ queryKey: snapshotQuery.queryKey })
    // Unless it was read anew meanwhile.
    else if (queries.getQueryData(snapshotQuery.queryKey) === known) queries.setQueryData(snapshotQuery.queryKey, next)
    const lastSeq = queries.getQueryData(networkEventsQuery.queryKey)?.[0]?.seq ?? 0
    if (changes.eventSeq > lastSeq) void queries.invalidateQueries({ queryKey: networkEventsQuery.queryKey })
    return changes.revision
  } catch {
    // The next event asks again; until then everything shows its age.
    return Number.POSITIVE_INFINITY
  }
}
