/** What the page reads of the node that serves it, and the stream that keeps it up to date. */
import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import type { StampedEvent, StatusView } from '#protocol/api/control.ts'
import { NodeClient } from '#protocol/api/node-client.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { minute, second } from '#protocol/units.ts'
import { paced } from '../app/paced.ts'

export const client = new NodeClient({ url: location.origin })

/** Leases, counts of the last hour and the state of an idle node change without an event. */
const untoldMs = 15 * second
const refusedRetryMs = 5 * second

export const statusQuery = queryOptions({
  queryKey: ['status'],
  refetchInterval: untoldMs,
  queryFn: ({ signal }) => client.call('status', undefined, signal),
})

export const settingsQuery = queryOptions({
  queryKey: ['settings'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: ({ signal }) => client.call('settings', undefined, signal),
})

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  // All that the swarm offers: a long list, of which only the copies change without an event.
  refetchInterval: minute,
  queryFn: ({ signal }) => client.call('models', undefined, signal),
})

export const peersQuery = queryOptions({
  queryKey: ['peers'],
  refetchInterval: untoldMs,
  queryFn: ({ signal }) => client.call('peers', undefined, signal),
})

export const earningsQuery = queryOptions({
  queryKey: ['earnings'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: ({ signal }) => client.call('earnings', undefined, signal),
})

export function historyQuery(bucket: 'hour' | 'day') {
  return queryOptions({
    queryKey: ['history', bucket],
    // The last bucket is that of now: a quiet node has a new one every hour.
    refetchInterval: minute,
    queryFn: ({ signal }) =>
      client.call('earningsHistory', { bucket, count: bucket === 'hour' ? 24 : 30, entries: 8 }, signal),
  })
}

export interface Live {
  isConnected: boolean
  /** By this browser's clock. */
  sinceMs: number
}

/** Lines of the log that are kept. */
const eventsMax = 200
/** Told many times a second: shown as figures, not as news. */
const figures: ReadonlySet<StampedEvent['event']> = new Set([
  'transfer-progress',
  'upload-progress',
  'chunks-gained',
  'ingest-progress',
  'download-progress',
])

export interface LoggedEvent {
  id: number
  event: StampedEvent
}

let live: Live = { isConnected: false, sinceMs: Date.now() }
let log: readonly LoggedEvent[] = []
let lastId = 0
const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useNodeLive(): Live {
  return useSyncExternalStore(subscribe, () => live)
}

/** Newest first, since this page was opened. */
export function useLog(): readonly LoggedEvent[] {
  return useSyncExternalStore(subscribe, () => log)
}

function tellAll(): void {
  for (const listener of listeners) listener()
}

/** Runs until `signal` aborts, also over restarts of the node. */
export async function followNode(queries: QueryClient, signal: AbortSignal): Promise<void> {
  const readAgain = (keys: readonly string[], everyMs: number) =>
    paced(() => {
      for (const key of keys) void queries.invalidateQueries({ queryKey: [key] })
    }, everyMs)
  const readStatus = readAgain(['status'], second / 4)
  const readHeld = readAgain(['models', 'status'], 2 * second)
  const readPeers = readAgain(['peers', 'status'], 2 * second)
  const readHistory = readAgain(['history'], 2 * second)
  // It walks the whole ledger.
  const readEarnings = readAgain(['earnings'], untoldMs)
  const apply = (event: StampedEvent) => {
    if (!figures.has(event.event)) keep(event)
    switch (event.event) {
      case 'transfer-progress':
        return patch(queries, (status) => ({ ...status, transfers: withTransfer(status.transfers, event) }))
      case 'upload-progress': {
        const { bytesPerSecond, totalBytes, peers } = event
        return patch(queries, (status) => ({ ...status, upload: { bytesPerSecond, totalBytes, peers } }))
      }
      case 'settings':
        void queries.invalidateQueries({ queryKey: ['settings'] })
        return readStatus()
      case 'peer-connect':
      case 'peer-disconnect':
        return readPeers()
      case 'voucher':
      case 'receipt':
        readHistory()
        return readEarnings()
      case 'chunks-gained':
      case 'chunks-lost':
      case 'model-added':
      case 'model-removed':
      case 'release':
      case 'transfer-complete':
        return readHeld()
      default:
        return readStatus()
    }
  }
  const onConnection = (isConnected: boolean) => {
    // Whatever was missed meanwhile is in the answers.
    if (isConnected) void queries.invalidateQueries()
    if (live.isConnected !== isConnected) live = { isConnected, sinceMs: Date.now() }
    tellAll()
  }
  while (!signal.aborted) {
    try {
      for await (const event of client.events(signal, onConnection)) apply(event)
    } catch (error) {
      onConnection(false)
      if (!isHartonomousError(error)) throw error
      // The session ran out, or too many read: the page says so, and it is tried again.
      void queries.invalidateQueries({ queryKey: ['status'] })
      await new Promise((resolve) => setTimeout(resolve, refusedRetryMs))
    }
  }
}

function keep(event: StampedEvent): void {
  log = [{ id: ++lastId, event }, ...log.slice(0, eventsMax - 1)]
  tellAll()
}

function patch(queries: QueryClient, change: (status: StatusView) => StatusView): void {
  queries.setQueryData(statusQuery.queryKey, (status) => status && change(status))
}

function withTransfer(
  transfers: StatusView['transfers'],
  one: StatusView['transfers'][number],
): StatusView['transfers'] {
  const others = transfers.filter(({ modelId }) => modelId !== one.modelId)
  return others.length === transfers.length
    ? [...transfers, one]
    : transfers.map((each) => (each.modelId === one.modelId ? one : each))
}
