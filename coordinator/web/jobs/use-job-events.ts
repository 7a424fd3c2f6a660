import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { JobEvent } from '#protocol/api/jobs.ts'
import { client } from '../app/client.ts'
import { isFinal } from './job-state.tsx'

/** Everything that happened to a job, from its beginning, and then as it happens. */
export function useJobEvents(jobId: string): { events: readonly JobEvent[]; error: unknown } {
  const queries = useQueryClient()
  const [events, setEvents] = useState<readonly JobEvent[]>([])
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    const stop = new AbortController()
    const follow = async () => {
      let known: JobEvent[] = []
      for await (const event of client.events('jobEvents', { params: { jobId } }, { signal: stop.signal })) {
        known = [...known, event]
        setEvents(known)
        // The view may have been read before the stream of changes was open.
        if (event.type === 'state' && isFinal(event.state)) void queries.invalidateQueries({ queryKey: ['job', jobId] })
      }
    }
    setEvents([])
    setError(undefined)
    follow().catch((cause: unknown) => {
      if (!stop.signal.aborted) setError(cause)
    })
    return () => stop.abort()
  }, [jobId, queries])
  return { events, error }
}
